"""What a docstring says about a function and its parameters."""

from __future__ import annotations

from realtime_sync.tools._docstring import describe


def test_no_docstring():
    """Nothing is known then."""
    assert describe(lambda: None) == ("", {})


def test_plain_text():
    """All of it is the description, a colon at the end of a line notwithstanding."""

    def f():
        """Do it.

        With care:
        as ever.
        """

    assert describe(f) == ("Do it.\n\nWith care:\nas ever.", {})


def test_google_style():
    """The text before the first section, and an entry for each name, over lines and with types left out."""

    def f():
        """Do it.

        Args:
            city (str): where to, e.g.
                Paris: France.
            width, height: in pixels.
            *rest: more.
              indented oddly
            **named: even more

        Returns:
            nothing: at all.

        Raises:
            ValueError: not a parameter.
        """

    assert describe(f) == (
        "Do it.",
        {
            "city": "where to, e.g. Paris: France.",
            "width": "in pixels.",
            "height": "in pixels.",
            "rest": "more. indented oddly",
            "named": "even more",
        },
    )


def test_sections_that_describe_nothing():
    """An empty section, and lines that belong to no entry, are no harm."""

    def f():
        """Args:
            whatever this is
        Parameters:
        """

    assert describe(f) == ("", {})


def test_attributes_of_a_class():
    """A class tells of its fields in the same way."""

    class C:
        """A thing.

        Attributes:
            a: the first.
        """

    assert describe(C) == ("A thing.", {"a": "the first."})
