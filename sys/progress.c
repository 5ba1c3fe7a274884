/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "sys/clock.h"

#define TERMINAL_PERIOD_MS 200u
#define PLAIN_PERIOD_MS 5000u
#define FIRST_LINE_MS 1000u
#define BAR_CELLS 30u
#define LINE_ROOM 160u

void smr_progress_start(struct smr_progress *progress, const char *label, uint64_t total, bool quiet)
{
	progress->label = label;
	progress->total = total;
	progress->quiet = quiet;
	progress->terminal = isatty(STDERR_FILENO) == 1;
	progress->start_ms = smr_clock_ms();
	atomic_init(&progress->done, 0);
	atomic_init(&progress->next_ms, progress->start_ms + (progress->terminal ? FIRST_LINE_MS : PLAIN_PERIOD_MS));
	(void)pthread_mutex_init(&progress->drawing, NULL);
}

/* Appends; a line that does not fit is cut. */
#define APPEND(...)                                                                          \
	do {                                                                                 \
		int more = used < room ? snprintf(out + used, room - used, __VA_ARGS__) : 0; \
		used += more > 0 ? (size_t)more : 0;                                         \
	} while (0)

static size_t add_bar(char *out, size_t room, uint64_t done, uint64_t total)
{
	char bar[BAR_CELLS + 1];
	uint64_t filled = total == 0 ? 0 : (uint64_t)((double)done / (double)total * BAR_CELLS);
	size_t used = 0;

	for (size_t i = 0; i < BAR_CELLS; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[BAR_CELLS] = '\0';
	APPEND(" [%s]", bar);
	return used;
}

void smr_progress_line(const struct smr_progress *progress, uint64_t now_ms, char *out, size_t room)
{
	uint64_t done = atomic_load(&progress->done);
	double seconds = now_ms > progress->start_ms ? (double)(now_ms - progress->start_ms) / 1000.0 : 0;
	double rate = seconds > 0 ? (double)done / seconds : 0;
	size_t used = 0;

	APPEND("%s", progress->label);
	if (progress->terminal && progress->total > 0 && used < room)
		used += add_bar(out + used, room - used, done, progress->total);
	APPEND(" %llu", (unsigned long long)done);
	if (progress->total > 0)
		APPEND(" of %llu (%.0f %%)", (unsigned long long)progress->total,
		       100.0 * (double)done / (double)progress->total);
	APPEND(", %.0f/s", rate);
	if (progress->total > done && rate > 0)
		APPEND(", %.0f s left", (double)(progress->total - done) / rate);
	else
		APPEND(", %.1f s", seconds);
}

static void draw(struct smr_progress *progress, uint64_t now_ms, bool last)
{
	char line[LINE_ROOM];

	smr_progress_line(progress, now_ms, line, sizeof(line));
	if (progress->terminal)
		(void)fprintf(stderr, "\r\033[K%s%s", line, last ? "\n" : "");
	else
		(void)fprintf(stderr, "%s\n", line);
	(void)fflush(stderr);
}

void smr_progress_add(struct smr_progress *progress, uint64_t count)
{
	uint64_t now;

	atomic_fetch_add(&progress->done, count);
	if (progress->quiet)
		return;
	now = smr_clock_ms();
	/* Whoever finds the line being drawn goes on with its work. */
	if (now < atomic_load(&progress->next_ms) || pthread_mutex_trylock(&progress->drawing) != 0)
		return;
	if (now >= atomic_load(&progress->next_ms)) {
		draw(progress, now, false);
		atomic_store(&progress->next_ms, now + (progress->terminal ? TERMINAL_PERIOD_MS : PLAIN_PERIOD_MS));
	}
	(void)pthread_mutex_unlock(&progress->drawing);
}

void smr_progress_end(struct smr_progress *progress)
{
	uint64_t now = smr_clock_ms();

	if (!progress->quiet && (progress->terminal || now - progress->start_ms >= FIRST_LINE_MS))
		draw(progress, now, true);
	(void)pthread_mutex_destroy(&progress->drawing);
}
