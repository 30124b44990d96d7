"""Does the router keep its contract (csrc/serve/router.h)?

Sentences first, one per rule; then a model that is slow and obvious, with hypothesis.
"""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .router_kit import Found, NoMethod, NoPath, Refused, Router, error_text

# What a route without methods answers, and extension methods.
EVERY = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE"]

# ---- the path ----


def test_a_literal_path_leads_to_its_route() -> None:
    assert Router("/hello", "/echo").where("/echo") == "/echo"


def test_a_path_without_a_route_is_not_found() -> None:
    assert Router("/hello", "/users/{id}").find("/goodbye") == NoPath()


def test_an_empty_router_finds_nothing() -> None:
    assert Router().find("/") == NoPath()


def test_the_root_is_a_path_of_its_own() -> None:
    assert Router("/").where("/") == "/"
    assert Router("/").find("/a") == NoPath()


def test_a_trailing_slash_does_not_matter() -> None:
    router = Router("/hello", "/users/{id}/", "/files/x/")
    assert router.where("/hello/") == "/hello"
    assert router.where("/users/7") == "/users/{id}/"
    assert router.where("/users/7/") == "/users/{id}/"
    assert router.where("/files/x") == "/files/x/"


def test_repeated_slashes_in_a_pattern_do_not_matter() -> None:
    assert Router("//users///{id}//").where("/users/7") == "//users///{id}//"
    assert Router("//").where("/") == "//"


def test_matching_is_case_sensitive() -> None:
    assert Router("/Hello").find("/hello") == NoPath()
    assert Router("/Hello/{id}").find("/hello/1") == NoPath()


def test_literals_outside_ascii_are_compared_decoded() -> None:
    assert Router("/café/größe").where("/café/größe") == "/café/größe"
    assert Router("/café/{id}").where("/café/1") == "/café/{id}"


def test_a_prefix_of_a_pattern_is_not_the_pattern() -> None:
    router = Router("/a/b/c", "/d/{id}/e")
    assert router.find("/a/b") == NoPath()
    assert router.find("/d/1") == NoPath()
    assert router.find("/a/b/c/d") == NoPath()


# ---- parameters ----


def test_a_parameter_is_one_segment() -> None:
    found = Router("/users/{id}/posts/{post}").match("/users/ann/posts/7/")
    assert found.params == {"id": "ann", "post": "7"}


def test_a_parameter_may_hold_an_encoded_slash() -> None:
    assert Router("/files/{name}").match("/files/a\0b").params == {"name": "a\0b"}


@pytest.mark.parametrize(
    "value", ["0", "7", "-1", "007", "-0", "9" * 18, "-" + "9" * 18]
)
def test_a_typed_parameter_takes_integers(value: str) -> None:
    assert Router("/{id:int}").match("/" + value).params == {"id": value}


@pytest.mark.parametrize(
    "value",
    ["-", "--1", "+1", "1.0", "1e3", "0x1", "1_0", "\u0661", "9" * 19, "1\0", "a"],
)
def test_a_typed_parameter_takes_nothing_else(value: str) -> None:
    assert Router("/{id:int}").find("/" + value) == NoPath()


def test_parameters_keep_the_kind_they_were_declared_with() -> None:
    assert Router("/{a}/{b:int}/{c:path}").kinds("/x/1/y/z") == ["str", "int", "path"]


def test_sixteen_parameters_fit() -> None:
    pattern = "".join(f"/{{p{at}}}" for at in range(16))
    path = "".join(f"/{at}" for at in range(16))
    assert Router(pattern).match(path).params == {f"p{at}": str(at) for at in range(16)}


# ---- stars and rests ----


def test_a_star_in_the_middle_is_any_one_segment() -> None:
    router = Router("/a/*/c")
    assert router.where("/a/b/c") == "/a/*/c"
    assert router.find("/a/c") == NoPath()
    assert router.find("/a/b/b/c") == NoPath()


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/app", ""),
        ("/app/", ""),
        ("/app/x", "x"),
        ("/app/x/y/", "x/y/"),
        ("/app/a\0b", "a\0b"),
    ],
)
def test_a_last_star_takes_the_rest(path: str, rest: str) -> None:
    assert Router("/app/*").match(path).rest == rest
    assert Router("/app/{rest:path}").match(path).params == {"rest": rest}


def test_a_last_star_at_the_root_matches_everything() -> None:
    for path in ("/", "/a", "/a/", "/a/b/c"):
        assert Router("/*").match(path).rest == path[1:]
        assert Router("/{rest:path}").match(path).params == {"rest": path[1:]}


def test_a_last_star_does_not_match_a_longer_name() -> None:
    assert Router("/app/*").find("/apple") == NoPath()


def test_a_route_without_a_rest_has_an_empty_one() -> None:
    assert Router("/users/{id}").match("/users/7").rest == ""
    assert Router("/hello").match("/hello/").rest == ""


# ---- precedence ----


def test_a_literal_stands_above_everything_whatever_the_order() -> None:
    routes = ["/*", "/{name}", "/{id:int}", "/7", "/{rest:path}/"]
    for order in (routes[:4], routes[3::-1]):
        assert Router(*order).where("/7") == "/7"


def test_a_typed_parameter_stands_above_a_parameter() -> None:
    assert Router("/{name}", "/{id:int}").where("/7") == "/{id:int}"
    assert Router("/{name}", "/{id:int}").where("/seven") == "/{name}"


def test_a_parameter_stands_above_a_star() -> None:
    assert Router("/*/a", "/{name}/a").where("/x/a") == "/{name}/a"


def test_a_star_stands_above_a_rest() -> None:
    assert Router("/*", "/*/a").where("/x/a") == "/*/a"


def test_the_end_of_a_path_stands_above_an_empty_rest() -> None:
    assert Router("/app/*", "/app").where("/app/") == "/app"
    assert Router("/{x}/*", "/{x}").where("/app") == "/{x}"


def test_the_first_segment_decides_before_the_second() -> None:
    assert Router("/a/*", "/{x}/b").where("/a/b") == "/a/*"


def test_a_dead_end_is_left_again() -> None:
    router = Router("/a/b/c", "/a/{x}/d", "/{x}/b/e", "/*")
    assert router.where("/a/b/d") == "/a/{x}/d"
    assert router.where("/a/b/e") == "/{x}/b/e"
    assert router.where("/a/b/f") == "/*"


def test_parameters_of_a_dead_end_are_forgotten() -> None:
    router = Router("/{a:int}/{b:int}/x", "/{c}/{d}/y")
    assert router.match("/1/2/y").params == {"c": "1", "d": "2"}


def test_the_original_example_works_in_any_order() -> None:
    for routes in (["/*", "/echo", "/hello"], ["/hello", "/echo", "/*"]):
        router = Router(*routes)
        assert [router.where(path) for path in ("/echo", "/hello", "/")] == [
            "/echo",
            "/hello",
            "/*",
        ]


# ---- methods ----


def test_a_path_without_the_method_tells_which_it_has() -> None:
    assert Router("POST,PUT /a").find("GET /a") == NoMethod("POST, PUT, OPTIONS")


def test_the_route_found_tells_the_methods_too() -> None:
    assert (
        Router("GET /a", "DELETE /a").match("GET /a").allow
        == "GET, HEAD, DELETE, OPTIONS"
    )


def test_a_method_never_leads_to_a_less_specific_path() -> None:
    router = Router("POST /a", "GET /*")
    assert router.find("GET /a") == NoMethod("POST, OPTIONS")
    assert router.where("GET /b") == "/*"


def test_head_is_answered_by_the_get_route() -> None:
    assert Router("GET /a").where("HEAD /a") == "/a"


def test_head_is_answered_by_a_head_route_if_there_is_one() -> None:
    router = Router()
    router.add("/a", "GET")
    head = router.add("/a", "HEAD")
    assert router.match("HEAD /a").endpoint == head


def test_head_without_get_or_head_is_refused() -> None:
    assert Router("POST /a").find("HEAD /a") == NoMethod("POST, OPTIONS")


def test_a_route_without_methods_answers_all_but_options() -> None:
    router = Router("/a")
    for method in [*EVERY, "PROPFIND", "get"]:
        assert router.where(f"{method} /a") == "/a"
    assert router.find("OPTIONS /a") == NoMethod(
        "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE"
    )


def test_a_route_without_methods_answers_options_if_it_wants_to() -> None:
    router = Router()
    every = router.add("/a", own_options=True)
    assert router.match("OPTIONS /a").endpoint == every
    named = router.add("/a", "OPTIONS")
    assert router.match("OPTIONS /a").endpoint == named
    assert router.match("PUT /a").endpoint == every


def test_a_named_method_stands_above_every_method() -> None:
    for order in (["GET", None], [None, "GET"]):
        router = Router()
        added = {methods: router.add("/a", methods) for methods in order}
        assert router.match("GET /a").endpoint == added["GET"]
        assert router.match("POST /a").endpoint == added[None]
        assert router.match("HEAD /a").endpoint == added["GET"]


def test_options_is_automatic_unless_a_route_names_it() -> None:
    assert Router("GET /a").find("OPTIONS /a") == NoMethod("GET, HEAD, OPTIONS")
    assert Router("GET,OPTIONS /a").where("OPTIONS /a") == "/a"
    assert Router("OPTIONS /a", "/a").match("OPTIONS /a").endpoint == 1


def test_extension_methods_are_told_apart_by_name() -> None:
    router = Router("PROPFIND /a", "MKCOL,LOCK /a")
    assert router.match("PROPFIND /a").endpoint == 1
    assert router.match("LOCK /a").endpoint == 2
    assert router.find("UNLOCK /a") == NoMethod("OPTIONS, PROPFIND, MKCOL, LOCK")


def test_an_extension_method_stands_above_every_method() -> None:
    router = Router("/a", "PROPFIND /a")
    assert router.match("PROPFIND /a").endpoint == 2
    assert router.match("MKCOL /a").endpoint == 1


def test_methods_of_one_path_may_name_its_parameters_differently() -> None:
    router = Router(
        "GET /users/{id}", "PUT /users/{user}", "POST /users/*/x", "GET /f/*"
    )
    router.add("/f/{path:path}", "PUT")
    assert router.match("GET /users/7").params == {"id": "7"}
    assert router.match("PUT /users/7").params == {"user": "7"}
    assert router.match("GET /f/a/b").params == {}
    assert router.match("PUT /f/a/b").params == {"path": "a/b"}


def test_blanks_around_commas_are_tolerated() -> None:
    assert Router("GET , POST /a").where("POST /a") == "/a"


def test_options_for_the_server_lists_every_method_of_every_route() -> None:
    assert Router().allow_all() == "OPTIONS"
    router = Router("GET /a", "PUT /b", "PROPFIND /b", "PROPFIND,LOCK /c")
    assert router.allow_all() == "GET, HEAD, PUT, OPTIONS, PROPFIND, LOCK"


# ---- conflicts ----


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("GET /a", "GET /a", "GET"),
        ("GET /a", "GET /a/", "GET"),
        ("GET,PUT /a", "PUT /a", "PUT"),
        ("PROPFIND /a", "PROPFIND /a", "PROPFIND"),
        ("/a", "/a", "every method"),
        ("GET /u/{id}", "GET /u/{name}", "GET"),
        ("GET /u/{id:int}", "GET /u/{n:int}", "GET"),
        ("GET /u/*", "GET /u/{rest:path}", "GET"),
        ("GET /u/*/x", "GET /u/*/x", "GET"),
    ],
)
def test_the_same_path_and_method_twice_is_refused(
    first: str, second: str, both: str
) -> None:
    patterns = [route[route.index("/") :] for route in (first, second)]
    with pytest.raises(Refused) as refused:
        Router(first, second)
    assert str(refused.value) == (
        f'route "{patterns[1]}": '
        f'"{patterns[0]}" is the same path, and both answer {both}'
    )


def test_a_typed_and_an_untyped_parameter_do_not_conflict() -> None:
    Router("GET /u/{id}", "GET /u/{id:int}", "GET /u/*/", "GET /u/*/x")


def test_a_refused_route_changes_nothing() -> None:
    router = Router("GET /a/{x}")
    for pattern, methods in [("/a/{y}", "POST,GET"), ("/a/{", "PUT"), ("/b/{y", None)]:
        with pytest.raises(Refused):
            router.add(pattern, methods)
    assert router.find("POST /a/1") == NoMethod("GET, HEAD, OPTIONS")
    assert router.find("/b/1") == NoPath()
    assert router.allow_all() == "GET, HEAD, OPTIONS"


# ---- malformed patterns and methods ----


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "the path has to begin with a slash"),
        ("a", "the path has to begin with a slash"),
        ("*", "the path has to begin with a slash"),
        ("/{id", 'the brace of "{id" is not closed'),
        ("/{id/x}", 'the brace of "{id" is not closed'),
        ("/id}", 'braces in "id}": a parameter is a whole segment, "{name}"'),
        ("/a{id}", 'braces in "a{id}": a parameter is a whole segment, "{name}"'),
        ("/{id}b", 'braces in "{id}b": a parameter is a whole segment, "{name}"'),
        ("/{{id}}", 'braces in "{{id}}": a parameter is a whole segment, "{name}"'),
        ("/{}", "a parameter without a name"),
        ("/{:int}", "a parameter without a name"),
        ("/{id:}", 'unknown type "" of a parameter; there are int and path'),
        ("/{id:float}", 'unknown type "float" of a parameter; there are int and path'),
        ("/{id:Int}", 'unknown type "Int" of a parameter; there are int and path'),
        (
            "/{1a}",
            'parameter "1a" is not named with letters, digits and _, '
            "the first not a digit",
        ),
        (
            "/{a-b}",
            'parameter "a-b" is not named with letters, digits and _, '
            "the first not a digit",
        ),
        ("/{id}/x/{id:int}", 'two parameters are named "id"'),
        ("/{r:path}/x", '"{r:path}" takes the rest, so it has to be the last segment'),
        ("/*.txt", 'a star in "*.txt": it stands for a whole segment, alone'),
        ("/**", 'a star in "**": it stands for a whole segment, alone'),
        (
            "/a/..",
            '".." would never match: dot segments of a request are resolved first',
        ),
        ("/./a", '"." would never match: dot segments of a request are resolved first'),
        ("/" + "/".join(f"{{p{at}}}" for at in range(17)), "more than 16 parameters"),
        ("/a" * 65, "more than 64 segments"),
    ],
)
def test_a_malformed_pattern_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        Router().add(pattern)
    assert str(refused.value) == f'route "{pattern}": {reason}'


def test_control_bytes_in_a_pattern_are_refused_and_not_repeated() -> None:
    with pytest.raises(Refused) as refused:
        Router().add("/a\x1b[2J")
    assert str(refused.value) == 'route "/a?[2J": a control byte (0x1b) in the path'


@pytest.mark.parametrize(
    ("methods", "reason"),
    [
        ("", 'method "" is not a token'),
        ("GET,", 'method "" is not a token'),
        ("GET,,PUT", 'method "" is not a token'),
        ("GET POST", 'method "GET POST" is not a token'),
        ("GET,GET", 'method "GET" is listed twice'),
        ("LOCK,LOCK", 'method "LOCK" is listed twice'),
        ("get", 'method "get": case matters, write "GET"'),
        ("CONNECT", "method CONNECT is not served"),
    ],
)
def test_malformed_methods_are_refused(methods: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        Router().add("/a", methods)
    assert str(refused.value) == f'route "/a": {reason}'


def test_a_pattern_of_any_length_gives_a_message_that_fits() -> None:
    for length in range(460, 520):
        with pytest.raises(Refused) as refused:
            Router().add("/" + "é" * length + "}")
        assert len(str(refused.value).encode()) < 512


@pytest.mark.parametrize("character", ["a", "é", "€", "𝄞"])
def test_a_message_is_cut_between_characters(character: str) -> None:
    for lead in range(5):
        text = "x" * lead + character * 512
        cut = error_text(text.encode())
        assert text.startswith(cut)
        assert 508 <= len(cut.encode()) <= 511


# ---- cost ----


def average_steps(count: int, pattern: str, request: str) -> float:
    router = Router(*(pattern.format(at) for at in range(count)))
    return sum(router.steps(request.format(at)) for at in range(count)) / count


@pytest.mark.parametrize(
    ("pattern", "request_"),
    [
        ("/route/{}", "/route/{}"),
        ("/route{}/{{id}}", "/route{}/7"),
        ("/{{id}}/{}", "/7/{}"),
        ("/missing/{}", "/missing/x{}"),
    ],
)
def test_a_thousand_routes_cost_at_most_twice_what_ten_do(
    pattern: str, request_: str
) -> None:
    assert average_steps(1000, pattern, request_) <= 2 * average_steps(
        10, pattern, request_
    )


def test_a_hostile_path_is_given_up_where_the_routes_end() -> None:
    router = Router("/a/b/{x}/c", "/*/b/d")
    assert router.steps("/a/b" * 2048) < 20


def test_backtracking_visits_no_node_twice() -> None:
    depth = 9
    patterns = [""]
    for at in range(depth):
        patterns = [f"{p}/{s}" for p in patterns for s in ("a", f"{{p{at}}}")]
    router = Router(*(pattern + "/end" for pattern in patterns))
    nodes = 2 ** (depth + 1) - 1
    # One step for the node, at most three for the slots of its table.
    assert router.steps("/a" * depth + "/nowhere") <= 4 * nodes


# ---- the model ----

SEGMENT_KINDS = [r"[^{*].*", r"\{\w+:int\}", r"\{\w+\}", r"\*", r"\{\w+:path\}"]
REST = 4


@dataclass
class ModelRoute:
    """A route as a list of segments; matching looks at one route at a time."""

    pattern: str
    methods: tuple[str, ...] | None
    endpoint: int

    @property
    def segments(self) -> list[str]:
        return [segment for segment in self.pattern.split("/") if segment]

    def kind(self, at: int) -> int:
        """0 literal, 1 typed, 2 parameter, 3 star, 4 rest."""
        if self.segments[at] == "*" and at == len(self.segments) - 1:
            return REST
        return next(
            kind
            for kind, shape in enumerate(SEGMENT_KINDS)
            if re.fullmatch(shape, self.segments[at])
        )

    @property
    def kinds(self) -> list[int]:
        return [self.kind(at) for at in range(len(self.segments))]

    @property
    def shape(self) -> list[tuple[int, str]]:
        return [
            (kind, segment if kind == 0 else "")
            for kind, segment in zip(self.kinds, self.segments, strict=True)
        ]

    def matches(self, path: str) -> bool:
        given_ = [segment for segment in path.split("/") if segment]
        kinds = self.kinds
        if kinds and kinds[-1] == REST:
            kinds = kinds[:-1]
            given_ = given_[: len(kinds)]
        return len(kinds) == len(given_) and all(
            kind > 1
            or (kind == 0 and segment == have)
            or (kind == 1 and re.fullmatch(r"-?[0-9]{1,18}", have))
            for kind, segment, have in zip(kinds, self.segments, given_, strict=False)
        )

    def params(self, path: str) -> dict[str, str]:
        given_ = path[1:].split("/")
        found = {}
        for at, kind in enumerate(self.kinds):
            name = self.segments[at].strip("{}").partition(":")[0]
            if kind in (1, 2):
                found[name] = given_[at]
            elif kind == REST and name != "*":
                found[name] = "/".join(given_[at:])
        return found


def model_allow(routes: list[ModelRoute]) -> set[str]:
    allow = {"OPTIONS"}
    for route in routes:
        allow |= set(route.methods or EVERY)
    return allow | ({"HEAD"} if "GET" in allow else set())


def model_find(
    routes: list[ModelRoute], method: str, path: str
) -> Found | NoMethod | NoPath:
    matching = [route for route in routes if route.matches(path)]
    if not matching:
        return NoPath()
    best = min(route.kinds for route in matching)
    matching = [route for route in matching if route.kinds == best]
    allow = ", ".join(sorted(model_allow(matching)))
    for wanted in [method, "GET"] if method == "HEAD" else [method]:
        for route in matching:
            if route.methods and wanted in route.methods:
                return Found(
                    route.pattern, route.endpoint, route.params(path), "", allow
                )
    for route in matching:
        if route.methods is None and method != "OPTIONS":
            return Found(route.pattern, route.endpoint, route.params(path), "", allow)
    return NoMethod(allow)


def comparable(answer: Found | NoMethod | NoPath) -> Found | NoMethod | NoPath:
    """Without the order in Allow, and without the rest, which sentences above cover."""
    if isinstance(answer, NoPath):
        return answer
    allow = ", ".join(sorted(answer.allow.split(", ")))
    if isinstance(answer, NoMethod):
        return NoMethod(allow)
    return Found(answer.route, answer.endpoint, answer.params, "", allow)


LITERALS = ["a", "b", "7", "-1", "ü", "longer-than-eight", "longer-than-eighT"]
METHODS = ["GET", "HEAD", "POST", "OPTIONS", "PROPFIND", "LOCK"]


@st.composite
def patterns(draw: st.DrawFn) -> str:
    pieces = [*LITERALS, "{%}", "{%:int}", "*"]
    segments = draw(st.lists(st.sampled_from(pieces), max_size=5))
    last = draw(st.sampled_from(["", "/", "/*", "/{%:path}"]))
    names = iter(draw(st.permutations("pqrstuv")))
    pattern = "".join("/" + segment for segment in segments) + last
    return re.sub("%", lambda _: next(names), pattern) or "/"


paths = st.builds(
    lambda segments, slash: "/" + "/".join(segments) + (slash if segments else ""),
    st.lists(st.sampled_from([*LITERALS, "c", "a\0b", "1" * 19]), max_size=7),
    st.sampled_from(["", "/"]),
)
method_lists = st.none() | st.lists(st.sampled_from(METHODS), min_size=1, unique=True)


@settings(max_examples=500)
@given(
    wanted=st.lists(st.tuples(patterns(), method_lists), max_size=12),
    requests=st.lists(st.tuples(st.sampled_from([*METHODS, "PUT"]), paths), min_size=1),
)
def test_the_router_agrees_with_the_model(
    wanted: list[tuple[str, list[str] | None]], requests: list[tuple[str, str]]
) -> None:
    router = Router()
    routes: list[ModelRoute] = []
    for pattern, methods in wanted:
        added = ModelRoute(
            pattern, tuple(methods) if methods else None, router.count + 1
        )
        conflicts = any(
            other.shape == added.shape
            and (other.methods is None) == (added.methods is None)
            and (added.methods is None or set(added.methods) & set(other.methods or ()))
            for other in routes
        )
        if conflicts:
            with pytest.raises(Refused, match="is the same path"):
                router.add(pattern, ",".join(methods) if methods else None)
        else:
            router.add(pattern, ",".join(methods) if methods else None)
            routes.append(added)
    for method, path in requests:
        answer = router.find(f"{method} {path}")
        assert comparable(answer) == model_find(routes, method, path), (method, path)
