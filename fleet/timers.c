/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/timers.h"

#include <stdlib.h>

static enum smr_err grow(struct smr_timers *timers)
{
	size_t room = timers->room == 0 ? 1024 : 2 * timers->room;
	struct smr_timer *heap = realloc(timers->heap, room * sizeof(*heap));

	if (heap == NULL)
		return SMR_E_NO_MEMORY;
	timers->heap = heap;
	timers->room = room;
	return SMR_OK;
}

enum smr_err smr_timers_put(struct smr_timers *timers, uint64_t due_us, void *item)
{
	size_t at = timers->count;

	if (timers->count == timers->room)
		SMR_TRY(grow(timers));
	timers->count++;
	while (at > 0 && timers->heap[(at - 1) / 2].due_us > due_us) {
		timers->heap[at] = timers->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	timers->heap[at] = (struct smr_timer){due_us, item};
	return SMR_OK;
}

/* Let @p timer sink from the top to its place. */
static void sink(struct smr_timers *timers, struct smr_timer timer)
{
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < timers->count && timers->heap[child + 1].due_us < timers->heap[child].due_us)
			child++;
		if (child >= timers->count || timers->heap[child].due_us >= timer.due_us)
			break;
		timers->heap[at] = timers->heap[child];
		at = child;
	}
	timers->heap[at] = timer;
}

bool smr_timers_take(struct smr_timers *timers, uint64_t now_us, struct smr_timer *out)
{
	if (timers->count == 0 || timers->heap[0].due_us > now_us)
		return false;
	*out = timers->heap[0];
	timers->count--;
	if (timers->count > 0)
		sink(timers, timers->heap[timers->count]);
	return true;
}

uint64_t smr_timers_next(const struct smr_timers *timers)
{
	return timers->count == 0 ? UINT64_MAX : timers->heap[0].due_us;
}

void smr_timers_wipe(struct smr_timers *timers)
{
	free(timers->heap);
	*timers = (struct smr_timers){0};
}
