/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tell.h
 * What the log says of a single device that has proved who it is. Whoever has a device can make it say so as often as he likes: all workers share so
 * many lines a second, and what is too much is left out.
 */
#ifndef SMR_SERVER_TELL_H
#define SMR_SERVER_TELL_H

#include "core/ident.h"

#define SMR_TELLS_PER_S 10u

/** May a line be written now? Each true is one of the second's lines. */
bool smr_may_tell(void);
/** «device.tampered». @param events  as reported; nothing is said of a mask without an event of the platform (docs/protocol.md section 4). */
void smr_tell_tamper(const struct smr_eid *eid, uint32_t events);

#endif
