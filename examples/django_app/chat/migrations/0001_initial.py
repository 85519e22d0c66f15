"""The table of conversations."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Make it."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="Memory",
            fields=[
                ("visitor", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("state", models.TextField()),
                ("updated", models.DateTimeField()),
            ],
        ),
    )
