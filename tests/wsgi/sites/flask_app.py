"""The example of Pegasus's README in Flask, and what else views do."""

import threading

from flask import Flask, Response, redirect, request, send_file, session, url_for

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

app = Flask(__name__)
app.secret_key = "of the tests"
go_on = threading.Event()


@app.get("/")
def index():
    return "Blazingly Fast!\n"


@app.route("/echo", methods=METHODS)
@app.route("/echo/<one>", methods=METHODS)
@app.route("/echo/<one>/<two>", methods=METHODS)
@app.route("/echo/<one>/<two>/<three>", methods=METHODS)
def echo(**parameters):
    return {
        "url_params": list(parameters.values()),
        "query_params": request.args,
        "body": request.get_data(as_text=True),
    }


@app.post("/login")
def login():
    session["name"] = request.form["name"]
    return redirect(url_for("whoami"))


@app.get("/whoami")
def whoami():
    return session["name"]


@app.get("/count/<int:last>")
def count(last):
    return Response((f"{number}\n" for number in range(last)), mimetype="text/plain")


@app.get("/source")
def source():
    return send_file(__file__, conditional=True)


@app.get("/failure")
def failure():
    raise LookupError("no such luck")


@app.get("/slow/<int:number>")
def slow(number):
    go_on.wait()
    return f"slow {number}"


@app.get("/go-on")
def release():
    go_on.set()
    return "gone on"
