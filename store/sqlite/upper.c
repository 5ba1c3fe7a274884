/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/upper.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define TABLES 2u
#define LEVELS_MAX 8u /* of a table, above its leaves: 170^7 leaves are more than a file has */
#define ROOMS (LEVELS_MAX + 1u)
#define LEAST_PRIORITY 19 /* nice */
#define INTERIOR_TABLE 0x05
#define PAGE_HEAD \
	12u /* of an interior page: type, 4 octets, cells at 3 (16 bits), last child at 8 (32 bits); then a place (16 bits) for each cell */

static const char large_tables[] = "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema "
				   "WHERE type = 'table' AND name IN ('device', 'package')";

struct walker {
	struct smr_upper *upper;
	unsigned number;
	sqlite3 *db;
	sqlite3_file
		*file; /* the connection's own: who opens and closes a file that SQLite has open takes its locks away */
	uint8_t *room; /* a page of each level */
	unsigned turn; /* counts the pages of the lowest interior level, which the walkers share out */
	pthread_t thread;
};

struct smr_upper {
	uint32_t roots[TABLES];
	size_t root_count;
	uint32_t page_size;
	atomic_bool stopping;
	atomic_size_t pages; /* that were read, by all */
	size_t walker_count;
	struct walker walkers[SMR_UPPER_WALKERS];
};

/* ---- pages ---- */

static unsigned cells_of(const uint8_t *page)
{
	return smr_get_be16(page + 3);
}

/** The page for level @p level, read. NULL: it is no interior page, or cannot be read, or it is enough. */
static const uint8_t *read_interior(struct walker *w, uint32_t number, unsigned level)
{
	size_t size = w->upper->page_size;
	uint8_t *page = w->room + level * size;

	if (number == 0 || w->upper->stopping || w->upper->pages >= SMR_UPPER_PAGES_MAX)
		return NULL;
	if (w->file->pMethods->xRead(w->file, page, (int)size, (sqlite3_int64)(number - 1) * (sqlite3_int64)size) !=
	    SQLITE_OK)
		return NULL;
	w->upper->pages++;
	return page[0] == INTERIOR_TABLE && PAGE_HEAD + 2 * cells_of(page) <= size ? page : NULL;
}

/** Child @p index, 0 to cells_of(page); 0: the page is damaged. */
static uint32_t child_of(const uint8_t *page, size_t size, unsigned index)
{
	unsigned at;

	if (index == cells_of(page))
		return smr_get_be32(page + 8);
	at = smr_get_be16(page + PAGE_HEAD + 2 * index);
	return at + 4 <= size ? smr_get_be32(page + at) : 0;
}

/** How many levels of interior pages there are: as many as on the way along the first children. */
static unsigned levels_below(struct walker *w, uint32_t root)
{
	uint32_t number = root;
	unsigned levels = 0;

	while (levels < LEVELS_MAX) {
		const uint8_t *page = read_interior(w, number, 0);

		if (page == NULL)
			break;
		levels++;
		number = child_of(page, w->upper->page_size, 0);
	}
	return levels;
}

/* ---- walks ---- */

/* Of the lowest interior level, where nearly all are, each walker reads every fourth page; what is above, and little, each reads. */
static bool is_mine(struct walker *w)
{
	return w->turn++ % SMR_UPPER_WALKERS == w->number;
}

/** All interior pages under @p root but for those of the lowest level that are another walker's. */
static void walk(struct walker *w, uint32_t root, unsigned levels)
{
	unsigned next[LEVELS_MAX] = {0};
	size_t size = w->upper->page_size;
	unsigned level = 0;

	if (levels < 2 || read_interior(w, root, 0) == NULL)
		return;
	for (;;) {
		const uint8_t *page = w->room + level * size;
		bool above_lowest = level + 2 == levels;
		uint32_t child;

		if (next[level] > cells_of(page)) {
			if (level-- == 0)
				return;
			continue;
		}
		child = child_of(page, size, next[level]++);
		if (above_lowest && !is_mine(w))
			continue;
		if (read_interior(w, child, level + 1) != NULL && !above_lowest)
			next[++level] = 0;
	}
}

static void disconnect(struct walker *w)
{
	(void)sqlite3_close(w->db);
	if (w->room != NULL) /* on the way down there were leaves, with packages */
		smr_wipe(w->room, ROOMS * w->upper->page_size);
	free(w->room);
}

static void *run(void *context)
{
	struct walker *w = context;

	/* Whoever serves devices goes before. Not SCHED_IDLE: its reads are idle too, and who needs the page that is being read waits with it. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), LEAST_PRIORITY);
	for (size_t i = 0; i < w->upper->root_count; i++)
		walk(w, w->upper->roots[i], levels_below(w, w->upper->roots[i]));
	disconnect(w);
	return NULL;
}

/* ---- beginning and end ---- */

static bool connect_to(struct walker *w, const char *path)
{
	return sqlite3_open_v2(path, &w->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
	       sqlite3_file_control(w->db, "main", SQLITE_FCNTL_FILE_POINTER, &w->file) == SQLITE_OK &&
	       w->file != NULL && w->file->pMethods != NULL;
}

/** What all walkers have to know, by the connection of one. */
static bool find_tables(struct smr_upper *upper, sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, large_tables, -1, &stmt, NULL) == SQLITE_OK)
		while (upper->root_count < TABLES && sqlite3_step(stmt) == SQLITE_ROW) {
			upper->roots[upper->root_count++] = (uint32_t)sqlite3_column_int64(stmt, 0);
			upper->page_size = (uint32_t)sqlite3_column_int64(stmt, 1);
		}
	(void)sqlite3_finalize(stmt);
	return upper->root_count > 0 && upper->page_size > PAGE_HEAD;
}

static bool start(struct walker *w, const char *path)
{
	if (connect_to(w, path) && (w->upper->root_count > 0 || find_tables(w->upper, w->db))) {
		w->room = calloc(ROOMS, w->upper->page_size);
		if (w->room != NULL && pthread_create(&w->thread, NULL, run, w) == 0)
			return true;
	}
	disconnect(w);
	return false;
}

struct smr_upper *smr_upper_start(const char *path)
{
	struct smr_upper *upper = calloc(1, sizeof(*upper));

	if (upper == NULL)
		return NULL;
	while (upper->walker_count < SMR_UPPER_WALKERS) {
		struct walker *w = &upper->walkers[upper->walker_count];

		w->upper = upper;
		w->number = (unsigned)upper->walker_count;
		if (!start(w, path))
			break;
		upper->walker_count++;
	}
	if (upper->walker_count > 0)
		return upper;
	free(upper);
	return NULL;
}

size_t smr_upper_finish(struct smr_upper *upper)
{
	size_t pages;

	if (upper == NULL)
		return 0;
	for (size_t i = 0; i < upper->walker_count; i++)
		pthread_join(upper->walkers[i].thread, NULL);
	pages = upper->pages;
	free(upper);
	return pages;
}

size_t smr_upper_stop(struct smr_upper *upper)
{
	if (upper != NULL)
		upper->stopping = true;
	return smr_upper_finish(upper);
}
