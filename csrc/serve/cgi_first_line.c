/* cgi_first_line.c - see cgi_first_line.h. */
#include "cgi_first_line.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char BLANKS[] = " \t";

static bool read_text(char text[CGI_FIRST_LINE_BYTES], const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *end;
    ssize_t count;

    if (descriptor < 0)
        return false;
    count = read(descriptor, text, CGI_FIRST_LINE_BYTES);
    close(descriptor);
    if (count < 2 || memcmp(text, "#!", 2) != 0)
        return false;
    end = memchr(text, '\n', (size_t)count);
    if (!end || memchr(text, '\0', (size_t)(end - text)))
        return false;
    *end = '\0';
    memmove(text, text + 2, (size_t)(end - text) - 1);
    return true;
}

bool cgi_first_line_read(struct cgi_first_line *line, const char *path)
{
    const char *interpreter, *argument;
    size_t length;

    if (!read_text(line->text, path))
        return false;
    interpreter = line->text + strspn(line->text, BLANKS);
    length = strcspn(interpreter, BLANKS);
    snprintf(line->interpreter, sizeof line->interpreter, "%.*s", (int)length,
             interpreter);
    argument = interpreter + length + strspn(interpreter + length, BLANKS);
    length = strlen(argument);
    while (length > 0 && strchr(BLANKS, argument[length - 1]))
        length--;
    snprintf(line->argument, sizeof line->argument, "%.*s", (int)length, argument);
    return *line->interpreter != '\0';
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* A word of its own, or behind the folder it is in. */
static bool has_python(const char *words)
{
    const char *found = words;

    while ((found = strstr(found, "python"))) {
        if (found == words || strchr(" \t/", found[-1]))
            return true;
        found++;
    }
    return false;
}

bool cgi_first_line_names_python(const struct cgi_first_line *line)
{
    const char *name = name_of(line->interpreter);

    if (strcmp(name, "env") == 0)
        return has_python(line->argument);
    return begins(name, "python");
}
