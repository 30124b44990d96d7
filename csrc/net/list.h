/* list.h - a doubly linked list whose links live inside its members.
 *
 * The head is a link as well; a link that is in no list points to itself, so removing
 * it twice does no harm and `list_is_linked` tells.
 */
#ifndef PYRS_NET_LIST_H
#define PYRS_NET_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *previous, *next;
};

#define CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

static inline void list_init(struct link *head)
{
    head->previous = head->next = head;
}

static inline bool list_is_linked(const struct link *link)
{
    return link->next != link;
}

static inline bool list_is_empty(const struct link *head)
{
    return head->next == head;
}

static inline void list_append(struct link *head, struct link *link)
{
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

static inline void list_prepend(struct link *head, struct link *link)
{
    list_append(head->next, link); /* before the first */
}

static inline void list_remove(struct link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* The first link, unlinked; NULL if the list is empty. */
static inline struct link *list_take_first(struct link *head)
{
    struct link *first = head->next;

    if (first == head)
        return NULL;
    list_remove(first);
    return first;
}

/* Moves every member of `from` to the end of `to`. */
static inline void list_move_all(struct link *to, struct link *from)
{
    struct link *link;

    while ((link = list_take_first(from)))
        list_append(to, link);
}

#endif
