/* cgi_environment.c - see cgi_environment.h. */
#include "cgi_environment.h"

#include <stdio.h>
#include <stdlib.h>

#include "exchange.h"
#include "http1.h"

/* Where programs are found if the server itself was given no PATH. */
static const char PATH_DEFAULT[] = "/usr/local/bin:/usr/bin:/bin";

/* "NAME=value" with a NUL behind each, growing. */
struct text {
    char *bytes;
    size_t length, capacity, count;
    bool failed; /* memory is out */
};

static void add(struct text *text, slice part)
{
    size_t capacity = text->capacity ? text->capacity : 2048;
    char *grown;

    while (capacity - text->length < part.length)
        capacity *= 2;
    if (capacity != text->capacity) {
        grown = text->failed ? NULL : realloc(text->bytes, capacity);
        if (!grown) {
            text->failed = true;
            return;
        }
        text->bytes = grown;
        text->capacity = capacity;
    }
    if (part.length > 0)
        memcpy(text->bytes + text->length, part.bytes, part.length);
    text->length += part.length;
}

static void end_entry(struct text *text)
{
    add(text, slice_of("", 1));
    text->count++;
}

static slice slice_from(struct pyrs_slice part)
{
    return slice_of(part.bytes, part.length);
}

static void set(struct text *text, const char *name, slice value)
{
    add(text, slice_of_text(name));
    add(text, SLICE("="));
    add(text, value);
    end_entry(text);
}

/* The pointers, the text behind them, in one block. */
static char **finish(struct text *text)
{
    size_t pointers = (text->count + 1) * sizeof(char *);
    char **entries = text->failed ? NULL : malloc(pointers + text->length);
    char *at;

    if (entries) {
        at = (char *)entries + pointers;
        if (text->length > 0)
            memcpy(at, text->bytes, text->length);
        for (size_t i = 0; i < text->count; i++) {
            entries[i] = at;
            at += strlen(at) + 1;
        }
        entries[text->count] = NULL;
    }
    free(text->bytes);
    return entries;
}

/* ---- headers (4.1.18) ---- */

/* What has a variable of its own, is not for programs, or is between client and server
 * alone. */
static bool is_left_out(const struct cgi *cgi, slice name)
{
    static const slice NAMES[] = {
        {"content-type", 12},
        {"content-length", 14},
        {"proxy", 5},
        {"proxy-authorization", 19},
        {"connection", 10},
        {"keep-alive", 10},
        {"te", 2},
        {"trailer", 7},
        {"transfer-encoding", 17},
        {"upgrade", 7},
        {"proxy-connection", 16},
        {"expect", 6},
    };

    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (slice_equal_ignoring_case(name, NAMES[i]))
            return true;
    return !cgi->settings.pass_authorization &&
           slice_equal_ignoring_case(name, SLICE("authorization"));
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_plain(slice name)
{
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.bytes[i];

        if (byte != '-' && !is_letter(byte) && !(byte >= '0' && byte <= '9'))
            return false;
    }
    return true;
}

static void add_variable_name(struct text *text, slice name)
{
    add(text, SLICE("HTTP_"));
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.bytes[i];

        byte = byte == '-' ? '_' : is_letter(byte) ? (char)(byte & ~0x20) : byte;
        add(text, slice_of(&byte, 1));
    }
}

static bool has_come_before(const struct pyrs_exchange *exchange, uint32_t index)
{
    slice name = span_in(exchange->bytes, exchange->headers[index].name);

    return request_head_find(&exchange->head, exchange->bytes, name) !=
           &exchange->headers[index];
}

/* Lines of the same name become one list; that of Cookie is another kind (RFC 9113,
 * 8.2.3 says how it is joined). */
static void add_header(struct text *text, const struct pyrs_exchange *exchange,
                       uint32_t index)
{
    slice name = span_in(exchange->bytes, exchange->headers[index].name);
    slice between =
        slice_equal_ignoring_case(name, SLICE("cookie")) ? SLICE("; ") : SLICE(", ");

    add_variable_name(text, name);
    add(text, SLICE("="));
    add(text, span_in(exchange->bytes, exchange->headers[index].value));
    for (uint32_t i = index + 1; i < exchange->head.header_count; i++) {
        if (!slice_equal_ignoring_case(
                name, span_in(exchange->bytes, exchange->headers[i].name)))
            continue;
        add(text, between);
        add(text, span_in(exchange->bytes, exchange->headers[i].value));
    }
    end_entry(text);
}

static bool has_told_host(const struct cgi_run *run)
{
    return run->origin && *run->origin->host;
}

static void add_headers(struct text *text, const struct cgi_run *run)
{
    const struct pyrs_exchange *exchange = run->exchange;
    bool told = has_told_host(run);

    if (told)
        set(text, "HTTP_HOST", slice_of_text(run->origin->host));
    for (uint32_t i = 0; i < exchange->head.header_count; i++) {
        slice name = span_in(exchange->bytes, exchange->headers[i].name);

        if (!is_plain(name) || is_left_out(run->cgi, name) ||
            has_come_before(exchange, i) ||
            (told && slice_equal_ignoring_case(name, SLICE("host"))))
            continue;
        add_header(text, exchange, i);
    }
}

/* ---- the request ---- */

static void set_number(struct text *text, const char *name, uint64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);

    set(text, name, slice_of(digits, (size_t)length));
}

static void set_if_any(struct text *text, const char *name, slice value)
{
    if (value.length > 0)
        set(text, name, value);
}

static bool has_body(const struct pyrs_exchange *exchange)
{
    return exchange->head.framing != BODY_NONE;
}

/* Of a body in chunks it is known because the route has it collected first. */
static uint64_t body_bytes(const struct pyrs_exchange *exchange)
{
    return exchange->head.framing == BODY_LENGTH
               ? (uint64_t)exchange->head.content_length
               : exchange->body.length;
}

/* 4.1.14: the host that the client meant. */
static slice host_of(const struct cgi_run *run)
{
    const struct pyrs_exchange *exchange = run->exchange;
    span authority = exchange->head.target.authority;

    if (has_told_host(run))
        return slice_of_text(run->origin->host);
    return span_in(exchange->bytes,
                   authority.length > 0 ? authority : exchange->head.host);
}

static slice without_port(slice host)
{
    const char *bracket = host.length > 0 && *host.bytes == '['
                              ? memchr(host.bytes, ']', host.length)
                              : NULL;
    const char *begin = bracket ? bracket : host.bytes;
    const char *colon =
        host.length > 0 ? memchr(begin, ':', host.length - (size_t)(begin - host.bytes))
                        : NULL;

    return colon ? slice_of(host.bytes, (size_t)(colon - host.bytes)) : host;
}

static void add_client(struct text *text, const struct cgi_run *run)
{
    char peer[PYRS_ADDRESS_BYTES];
    uint16_t port = pyrs_exchange_client(run->exchange, peer);
    const char *client = peer;

    if (run->origin) {
        client = run->origin->client;
        port = run->origin->client_port;
    }
    set(text, "REMOTE_ADDR", slice_of_text(client));
    set(text, "REMOTE_HOST",
        slice_of_text(client)); /* 4.1.9: if the name is not known */
    set_number(text, "REMOTE_PORT", port);
}

static void add_server(struct text *text, const struct cgi_run *run)
{
    char address[PYRS_ADDRESS_BYTES];
    uint16_t port = pyrs_exchange_server(run->exchange, address);
    slice host = without_port(host_of(run));

    set(text, "SERVER_NAME", host.length > 0 ? host : slice_of_text(address));
    set_number(text, "SERVER_PORT", port ? port : 80); /* unix sockets */
}

static void add_scheme(struct text *text, const struct cgi_run *run)
{
    const char *scheme = run->origin ? run->origin->scheme : "http";

    set(text, "REQUEST_SCHEME", slice_of_text(scheme));
    if (strcmp(scheme, "https") == 0)
        set(text, "HTTPS", SLICE("on"));
}

static void add_request(struct text *text, const struct pyrs_exchange *exchange)
{
    bool is_11 = exchange->head.version_minor > 0;

    set(text, "GATEWAY_INTERFACE", SLICE("CGI/1.1"));
    set(text, "SERVER_SOFTWARE", SLICE("pyrs/" PYRS_VERSION));
    set(text, "SERVER_PROTOCOL", is_11 ? SLICE("HTTP/1.1") : SLICE("HTTP/1.0"));
    set(text, "REQUEST_METHOD", slice_from(pyrs_exchange_method(exchange)));
    set(text, "REQUEST_URI", slice_from(pyrs_exchange_raw_target(exchange)));
    set(text, "QUERY_STRING", slice_from(pyrs_exchange_query(exchange)));
    set_if_any(text, "CONTENT_TYPE",
               slice_from(pyrs_exchange_header(exchange, PYRS_TEXT("content-type"))));
    if (has_body(exchange)) /* 4.1.2: if and only if there is one */
        set_number(text, "CONTENT_LENGTH", body_bytes(exchange));
}

static void add_program(struct text *text, const struct cgi *cgi,
                        const struct cgi_found *found)
{
    set(text, "SCRIPT_NAME", found->script_name);
    set(text, "SCRIPT_FILENAME", slice_of_text(found->path));
    set(text, "DOCUMENT_ROOT", slice_of_text(cgi->folder_path));
    if (found->path_info.length == 0)
        return;
    set(text, "PATH_INFO", found->path_info);
    add(text, SLICE("PATH_TRANSLATED="));
    add(text, slice_of_text(cgi->folder_path));
    add(text, found->path_info);
    end_entry(text);
}

char **cgi_environment_new(const struct cgi_run *run)
{
    struct text text = {0};

    for (char **entry = run->cgi->environment; *entry; entry++) {
        add(&text, slice_of_text(*entry));
        end_entry(&text);
    }
    add_request(&text, run->exchange);
    add_scheme(&text, run);
    add_program(&text, run->cgi, &run->found);
    add_client(&text, run);
    add_server(&text, run);
    add_headers(&text, run);
    return finish(&text);
}

/* ---- what is the same for all ---- */

static bool names_path(const char *given)
{
    return strncmp(given, "PATH", 4) == 0 && (given[4] == '=' || given[4] == '\0');
}

static void add_given(struct text *text, const char *given)
{
    const char *own;

    if (strchr(given, '=')) {
        add(text, slice_of_text(given));
        end_entry(text);
    } else if ((own = getenv(given))) {
        set(text, given, slice_of_text(own));
    }
}

char **cgi_environment_common(const char *const *given, size_t count)
{
    struct text text = {0};
    const char *path = getenv("PATH");
    bool has_path = false;

    for (size_t i = 0; i < count; i++) {
        has_path |= names_path(given[i]);
        add_given(&text, given[i]);
    }
    if (!has_path)
        set(&text, "PATH", slice_of_text(path ? path : PATH_DEFAULT));
    return finish(&text);
}
