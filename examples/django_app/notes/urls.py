from django.urls import path

from . import views

urlpatterns = [
    path("", views.page),
    path("notes.json", views.as_json),
]
