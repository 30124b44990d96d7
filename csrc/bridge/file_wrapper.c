/* file_wrapper.c - see file_wrapper.h. */
#include "file_wrapper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* As in PEP 3333. */
enum { BLOCK_BYTES = 8192 };

struct file_wrapper {
    PyObject_HEAD PyObject *file;
    Py_ssize_t block_bytes;
};

static PyObject *wrapper_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    Py_ssize_t block_bytes = BLOCK_BYTES;
    struct file_wrapper *wrapper;
    PyObject *file;

    if (keywords && PyDict_GET_SIZE(keywords) > 0) {
        PyErr_SetString(PyExc_TypeError, "file_wrapper takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O|n:file_wrapper", &file, &block_bytes))
        return NULL;
    if (block_bytes < 1) {
        PyErr_Format(PyExc_ValueError, "a block has at least 1 byte, not %zd",
                     block_bytes);
        return NULL;
    }
    wrapper = (struct file_wrapper *)type->tp_alloc(type, 0);
    if (!wrapper)
        return NULL;
    wrapper->file = Py_NewRef(file);
    wrapper->block_bytes = block_bytes;
    return (PyObject *)wrapper;
}

static PyObject *wrapper_next(PyObject *self)
{
    const struct file_wrapper *wrapper = (struct file_wrapper *)self;
    PyObject *block =
        PyObject_CallMethod(wrapper->file, "read", "n", wrapper->block_bytes);
    int is_true = block ? PyObject_IsTrue(block) : -1;

    if (is_true > 0)
        return block;
    Py_XDECREF(block);
    return NULL; /* the end, unless there is an exception */
}

static PyObject *wrapper_close(PyObject *self, PyObject *unused)
{
    PyObject *close =
        PyObject_GetAttrString(((struct file_wrapper *)self)->file, "close");
    PyObject *closed;

    (void)unused;
    if (!close) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return NULL;
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    closed = PyObject_CallNoArgs(close);
    Py_DECREF(close);
    return closed;
}

/* ---- as a file ---- */

static bool open_part(int descriptor, long long offset, struct pyrs_file *file)
{
    struct stat facts;
    int own;

    /* What has no size, as in /proc, may have bytes all the same: it is read. */
    if (fstat(descriptor, &facts) < 0 || !S_ISREG(facts.st_mode) || offset < 0 ||
        facts.st_size == 0)
        return false;
    own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return false;
    *file = (struct pyrs_file){
        .descriptor = own,
        .is_plain = true,
        .offset = (uint64_t)offset,
        .length = facts.st_size > offset ? (uint64_t)(facts.st_size - offset) : 0,
    };
    return true;
}

bool file_wrapper_open(struct module_state *state, PyObject *wrapper,
                       struct pyrs_file *file)
{
    PyObject *place = PyObject_CallOneArg(state->policy.find_file,
                                          ((struct file_wrapper *)wrapper)->file);
    long long offset;
    int descriptor;
    bool opened;

    if (!place || place == Py_None) {
        Py_XDECREF(place);
        return false;
    }
    opened = PyArg_ParseTuple(place, "iL:find_file", &descriptor, &offset) &&
             open_part(descriptor, offset, file);
    Py_DECREF(place);
    return opened;
}

/* ---- the type ---- */

static int wrapper_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct file_wrapper *)self)->file);
    return 0;
}

static int wrapper_clear(PyObject *self)
{
    Py_CLEAR(((struct file_wrapper *)self)->file);
    return 0;
}

static void wrapper_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    (void)wrapper_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef wrapper_methods[] = {
    {"close", wrapper_close, METH_NOARGS,
     PyDoc_STR("close($self, /)\n--\n\nCloses the file, if it can be closed.")},
    {.ml_name = NULL},
};

static PyType_Slot wrapper_slots[] = {
    {Py_tp_doc,
     (void *)(uintptr_t)"FileWrapper(file, block_size=8192, /)\n--\n\n"
                        "wsgi.file_wrapper: a file as the body of an answer."},
    {Py_tp_new, wrapper_new},
    {Py_tp_dealloc, wrapper_dealloc},
    {Py_tp_traverse, wrapper_traverse},
    {Py_tp_clear, wrapper_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, wrapper_next},
    {Py_tp_methods, wrapper_methods},
    {0, NULL},
};

static PyType_Spec wrapper_spec = {
    .name = "pyrs._bridge.FileWrapper",
    .basicsize = sizeof(struct file_wrapper),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = wrapper_slots,
};

PyTypeObject *file_wrapper_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &wrapper_spec, NULL);
}
