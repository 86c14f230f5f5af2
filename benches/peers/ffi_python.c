/* What benches/peers/ffi compares the calls from Rust into Python with: the same calls from C, as an extension module.
 *
 *     gcc -O3 -fPIC -shared -I$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))') ffi_python.c -o peer.so
 */
#define Py_LIMITED_API 0x03090000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <time.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1000000000LL * t.tv_sec + t.tv_nsec;
}

/* call(function, times): nanoseconds of so many calls. */
static PyObject *call(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *function;
    long long times;
    if (!PyArg_ParseTuple(args, "OL", &function, &times)) return NULL;
    long long start = now();
    for (long long i = 0; i < times; i++) {
        PyObject *found = PyObject_CallNoArgs(function);
        if (found == NULL) return NULL;
        Py_DECREF(found);
    }
    return PyLong_FromLongLong(now() - start);
}

static void *attaching(void *times) {
    for (long long i = 0; i < *(long long *)times; i++) PyGILState_Release(PyGILState_Ensure());
    return NULL;
}

/* attach(times): nanoseconds in which a thread that Python does not know attaches so many times. */
static PyObject *attach(PyObject *self, PyObject *args) {
    (void)self;
    long long times;
    if (!PyArg_ParseTuple(args, "L", &times)) return NULL;
    long long took = -1;
    Py_BEGIN_ALLOW_THREADS
    pthread_t thread;
    long long start = now();
    if (pthread_create(&thread, NULL, attaching, &times) == 0 && pthread_join(thread, NULL) == 0) took = now() - start;
    Py_END_ALLOW_THREADS
    return PyLong_FromLongLong(took);
}

static PyMethodDef methods[] = {{"call", call, METH_VARARGS, NULL}, {"attach", attach, METH_VARARGS, NULL}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "ffi_peer", NULL, 0, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_ffi_peer(void) { return PyModule_Create(&module); }
