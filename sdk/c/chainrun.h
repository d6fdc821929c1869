/* chainrun.h: a chainrun node in C. */
#ifndef CHAINRUN_H
#define CHAINRUN_H
#endif
