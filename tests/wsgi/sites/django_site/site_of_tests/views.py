"""What test_django.py asks for beside the admin."""

import hashlib
from pathlib import Path

from django.http import FileResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def upload(request):
    file = request.FILES["file"]
    whole = hashlib.sha256()
    for chunk in file.chunks():
        whole.update(chunk)
    return JsonResponse(
        {"name": file.name, "size": file.size, "digest": whole.hexdigest()}
    )


def count(request, last):
    lines = (f"{number}\n" for number in range(last))
    return StreamingHttpResponse(lines, content_type="text/plain")


def source(request):
    return FileResponse(Path(__file__).open("rb"))


def failure(request):
    raise LookupError("no such luck")
