#include "vec/file_int.h"
int vec_read_text_open(struct vec_reader *r, struct err *e)
{
    return err_set(e, ERR_USAGE, "cannot read '%s': text is not read yet", r->path);
}
