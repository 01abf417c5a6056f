#include "vec/file_int.h"
int vec_write_text(struct vec_writer *w, const void *rows, uint64_t n, struct err *e)
{
    (void)w, (void)rows, (void)n;
    return err_set(e, ERR_USAGE, "text is not written yet");
}
