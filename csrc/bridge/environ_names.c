/* environ_names.c - see environ_names.h. */
#include "environ_names.h"

bool environ_names_init(struct environ_names *names)
{
    static const char *const texts[ENVIRON_KEY_COUNT] = {
        [KEY_REQUEST_METHOD] = "REQUEST_METHOD",
        [KEY_SCRIPT_NAME] = "SCRIPT_NAME",
        [KEY_PATH_INFO] = "PATH_INFO",
        [KEY_QUERY_STRING] = "QUERY_STRING",
        [KEY_RAW_URI] = "RAW_URI",
        [KEY_REQUEST_URI] = "REQUEST_URI",
        [KEY_SERVER_NAME] = "SERVER_NAME",
        [KEY_SERVER_PORT] = "SERVER_PORT",
        [KEY_SERVER_PROTOCOL] = "SERVER_PROTOCOL",
        [KEY_REMOTE_ADDR] = "REMOTE_ADDR",
        [KEY_REMOTE_PORT] = "REMOTE_PORT",
        [KEY_CONTENT_LENGTH] = "CONTENT_LENGTH",
        [KEY_HTTP_HOST] = "HTTP_HOST",
        [KEY_URL_SCHEME] = "wsgi.url_scheme",
        [KEY_INPUT] = "wsgi.input",
    };

    for (int i = 0; i < ENVIRON_KEY_COUNT; i++)
        if (!(names->keys[i] = PyUnicode_InternFromString(texts[i])))
            return false;
    return field_keys_init(&names->fields);
}

void environ_names_fini(struct environ_names *names)
{
    for (int i = 0; i < ENVIRON_KEY_COUNT; i++)
        Py_CLEAR(names->keys[i]);
    field_keys_fini(&names->fields);
}
