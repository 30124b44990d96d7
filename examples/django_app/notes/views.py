from django.http import JsonResponse
from django.shortcuts import render

from .models import Note


def page(request):
    return render(request, "notes/page.html", {"notes": Note.objects.all()[:100]})


def as_json(request):
    return JsonResponse({"notes": list(Note.objects.values("title", "text")[:100])})
