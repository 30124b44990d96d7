/* listing_entries.c - see listing_entries.h. */
#include "listing_entries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "hidden_name.h"

/* ---- what is asked ---- */

static slice next_parameter(slice *query)
{
    const char *end = memchr(query->bytes, '&', query->length);
    size_t length = end ? (size_t)(end - query->bytes) : query->length;
    slice parameter = slice_of(query->bytes, length);

    length += end != NULL;
    *query = slice_of(query->bytes + length, query->length - length);
    return parameter;
}

struct listing_order listing_order_read(slice query)
{
    struct listing_order order = {LISTING_BY_NAME, false};

    while (query.length > 0) {
        slice parameter = next_parameter(&query);

        if (slice_equal(parameter, SLICE("sort=name")))
            order.key = LISTING_BY_NAME;
        else if (slice_equal(parameter, SLICE("sort=size")))
            order.key = LISTING_BY_SIZE;
        else if (slice_equal(parameter, SLICE("sort=date")))
            order.key = LISTING_BY_DATE;
        else if (slice_equal(parameter, SLICE("order=asc")))
            order.descending = false;
        else if (slice_equal(parameter, SLICE("order=desc")))
            order.descending = true;
    }
    return order;
}

/* ---- reading ---- */

static bool make_room(struct listing_group *group)
{
    uint32_t capacity = group->capacity ? 2 * group->capacity : 64;
    struct listing_entry **entries;

    if (group->count < group->capacity)
        return true;
    entries = realloc(group->entries, capacity * sizeof *entries);
    if (!entries)
        return false;
    group->entries = entries;
    group->capacity = capacity;
    return true;
}

static bool add_entry(struct listing_group *group, slice name, const struct stat *facts)
{
    struct listing_entry *entry;

    if (!make_room(group) || !(entry = malloc(sizeof *entry + name.length)))
        return false;
    entry->size = (uint64_t)facts->st_size;
    entry->modified = facts->st_mtime;
    entry->name_length = name.length;
    memcpy(entry->name, name.bytes, name.length);
    group->entries[group->count++] = entry;
    return true;
}

/* False if it is gone, or a link that is not followed. */
static bool look_at(const struct listing *listing, const char *name, struct stat *facts)
{
    if (fstatat(listing->folder, name, facts, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (!S_ISLNK(facts->st_mode))
        return true;
    return listing->follow && listing->follow(listing->context, name, facts);
}

static bool add_name(struct listing_entries *entries, const struct listing *listing,
                     const char *name)
{
    slice text = slice_of_text(name);
    struct stat facts;

    if (!look_at(listing, name, &facts))
        return true;
    if (S_ISDIR(facts.st_mode))
        return add_entry(&entries->folders, text, &facts);
    if (S_ISREG(facts.st_mode))
        return add_entry(&entries->files, text, &facts);
    return true;
}

/* The next name that is not hidden; NULL with errno 0 at the end. */
static const char *next_name(DIR *folder)
{
    struct dirent *found;

    do {
        errno = 0;
        found = readdir(folder);
    } while (found && name_is_hidden(slice_of_text(found->d_name)));
    return found ? found->d_name : NULL;
}

static bool read_names(struct listing_entries *entries, const struct listing *listing,
                       DIR *folder)
{
    const char *name;

    /* Counted are names, not what is shown of them: it is looking at them that takes
     * the time. */
    for (uint32_t count = 0; (name = next_name(folder)); count++) {
        if (count == listing->entries_max) {
            entries->cut = true;
            return true;
        }
        if (!add_name(entries, listing, name)) {
            errno = ENOMEM;
            return false;
        }
    }
    return errno == 0;
}

bool listing_entries_read(struct listing_entries *entries,
                          const struct listing *listing)
{
    DIR *folder = fdopendir(listing->folder);
    bool done;
    int reason;

    if (!folder) {
        reason = errno;
        close(listing->folder);
        errno = reason;
        return false;
    }
    done = read_names(entries, listing, folder);
    reason = errno;
    closedir(folder);
    errno = reason;
    return done;
}

/* ---- sorting ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static unsigned char folded(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* The digits at the beginning, without leading zeros; *rest is what stands behind. */
static slice leading_number(slice text, slice *rest)
{
    size_t zeros = 0, end;

    while (zeros < text.length && text.bytes[zeros] == '0')
        zeros++;
    for (end = zeros; end < text.length && is_digit(text.bytes[end]);)
        end++;
    *rest = slice_of(text.bytes + end, text.length - end);
    return slice_of(text.bytes + zeros, end - zeros);
}

static int compare_lengths(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* By value, for numbers of any length. */
static int compare_numbers(slice *a, slice *b)
{
    slice one = leading_number(*a, a);
    slice other = leading_number(*b, b);

    if (one.length != other.length)
        return compare_lengths(one.length, other.length);
    return memcmp(one.bytes, other.bytes, one.length);
}

static int compare_letters(slice *a, slice *b)
{
    int difference = folded(*a->bytes) - folded(*b->bytes);

    *a = slice_of(a->bytes + 1, a->length - 1);
    *b = slice_of(b->bytes + 1, b->length - 1);
    return difference;
}

static int compare_bytes(slice a, slice b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int difference = memcmp(a.bytes, b.bytes, common);

    return difference ? difference : compare_lengths(a.length, b.length);
}

/* Never equal: then the bytes decide. */
static int compare_names(slice a, slice b)
{
    slice whole_a = a, whole_b = b;
    int difference = 0;

    while (difference == 0 && a.length > 0 && b.length > 0)
        difference = is_digit(*a.bytes) && is_digit(*b.bytes) ? compare_numbers(&a, &b)
                                                              : compare_letters(&a, &b);
    if (difference == 0)
        difference = compare_lengths(a.length, b.length);
    return difference ? difference : compare_bytes(whole_a, whole_b);
}

/* What qsort calls: both are pointers to an entry's pointer. */
static const struct listing_entry *entry_at(const void *place)
{
    return *(const struct listing_entry *const *)place;
}

static int name_up(const void *a, const void *b)
{
    const struct listing_entry *one = entry_at(a), *other = entry_at(b);

    return compare_names(slice_of(one->name, one->name_length),
                         slice_of(other->name, other->name_length));
}

static int name_down(const void *a, const void *b)
{
    return name_up(b, a);
}

static int size_up(const void *a, const void *b)
{
    uint64_t one = entry_at(a)->size, other = entry_at(b)->size;

    return one != other ? (one > other) - (one < other) : name_up(a, b);
}

static int size_down(const void *a, const void *b)
{
    uint64_t one = entry_at(a)->size, other = entry_at(b)->size;

    return one != other ? (one < other) - (one > other) : name_up(a, b);
}

static int date_up(const void *a, const void *b)
{
    int64_t one = entry_at(a)->modified, other = entry_at(b)->modified;

    return one != other ? (one > other) - (one < other) : name_up(a, b);
}

static int date_down(const void *a, const void *b)
{
    int64_t one = entry_at(a)->modified, other = entry_at(b)->modified;

    return one != other ? (one < other) - (one > other) : name_up(a, b);
}

static void sort_group(struct listing_group *group, struct listing_order order)
{
    static int (*const COMPARE[][2])(const void *, const void *) = {
        [LISTING_BY_NAME] = {name_up, name_down},
        [LISTING_BY_SIZE] = {size_up, size_down},
        [LISTING_BY_DATE] = {date_up, date_down},
    };

    if (group->count > 1)
        qsort(group->entries, group->count, sizeof *group->entries,
              COMPARE[order.key][order.descending]);
}

void listing_entries_sort(struct listing_entries *entries, struct listing_order order)
{
    struct listing_order by_name = {LISTING_BY_NAME, false};

    sort_group(&entries->files, order);
    sort_group(&entries->folders, order.key == LISTING_BY_SIZE ? by_name : order);
}

/* ---- the end ---- */

static void free_group(struct listing_group *group)
{
    for (uint32_t i = 0; i < group->count; i++)
        free(group->entries[i]);
    free(group->entries);
}

void listing_entries_free(struct listing_entries *entries)
{
    free_group(&entries->folders);
    free_group(&entries->files);
}
