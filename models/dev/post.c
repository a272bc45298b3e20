/* post.c - port 0x80. */
#include "models/dev/post.h"

void post_init(struct post *p)
{
    *p = (struct post){0};
}

static u8 read8(void *self, u16 port)
{
    const struct post *p = self;

    return port == POST_PORT ? p->code : PORT_ABSENT;
}

static void write8(void *self, u16 port, u8 value)
{
    struct post *p = self;

    if (port != POST_PORT) return;
    p->code = value;
    p->writes++;
}

u32 post_port_read(void *self, u16 port, unsigned bytes)
{
    return ports_read_bytes(read8, self, port, bytes);
}

void post_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    ports_write_bytes(write8, self, port, value, bytes);
}
