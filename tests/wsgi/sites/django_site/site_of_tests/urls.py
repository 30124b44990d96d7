from django.contrib import admin
from django.urls import path

from site_of_tests import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("upload", views.upload),
    path("count/<int:last>", views.count),
    path("source", views.source),
    path("failure", views.failure),
]
