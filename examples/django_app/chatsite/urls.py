"""The addresses of the pages."""

from chat import views
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import path

urlpatterns = [
    path("", views.page, name="page"),
    path("ask", views.ask, name="ask"),
    path("forget", views.forget, name="forget"),
    *staticfiles_urlpatterns(),  # while developing; later the web server in front serves these
]
