"""What an error looks like: {"error": {"status": 404, "message": "no book 7"}}."""


def as_json(request, error):
    return {"error": {"status": error.status, "message": str(error.body).strip()}}
