/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/memory.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "sys/fsio.h"

#define VERSION 1u
#define ITEMS 18u
#define FILE_MAX 256u

static void put(struct smr_writer *w, const struct smr_memory *m)
{
	const uint64_t counters[] = {m->flights,	   m->flights_accepted,	    m->checkins,
				     m->checkins_accepted, m->traffic.datagrams_up, m->traffic.datagrams_down,
				     m->traffic.bytes_up,  m->traffic.bytes_down,   m->traffic.ignored};

	smr_put_array(w, ITEMS);
	smr_put_uint(w, VERSION);
	smr_put_uint(w, m->level);
	smr_put_bool(w, m->paused);
	smr_put_uint(w, m->due_unix);
	smr_put_bool(w, m->with_certificate);
	smr_put_bool(w, m->flight_wanted);
	smr_put_uint(w, m->last_contact_unix);
	smr_put_uint(w, m->last_refusal);
	smr_put_uint(w, (uint64_t)m->state);
	for (size_t i = 0; i < SMR_COUNT(counters); i++)
		smr_put_uint(w, counters[i]);
}

static void get(struct smr_reader *r, struct smr_memory *m)
{
	uint64_t *counters[] = {&m->flights,	       &m->flights_accepted,	 &m->checkins,
				&m->checkins_accepted, &m->traffic.datagrams_up, &m->traffic.datagrams_down,
				&m->traffic.bytes_up,  &m->traffic.bytes_down,	 &m->traffic.ignored};

	(void)smr_get_array(r, ITEMS, ITEMS);
	if (smr_get_uint(r, VERSION) != VERSION)
		smr_reader_fail(r, SMR_E_UNSUPPORTED);
	m->level = (uint32_t)smr_get_uint(r, SMR_PAUSE_LEVELS);
	m->paused = smr_get_bool(r);
	m->due_unix = smr_get_uint(r, UINT64_MAX);
	m->with_certificate = smr_get_bool(r);
	m->flight_wanted = smr_get_bool(r);
	m->last_contact_unix = smr_get_uint(r, UINT64_MAX);
	m->last_refusal = (uint32_t)smr_get_uint(r, UINT32_MAX);
	m->state = (enum smr_agent_state)smr_get_uint(r, SMR_AGENT_STATES - 1);
	for (size_t i = 0; i < SMR_COUNT(counters); i++)
		*counters[i] = smr_get_uint(r, UINT64_MAX);
}

static enum smr_err read_memory(const char *path, struct smr_memory *out)
{
	struct smr_blob blob = {0};
	struct smr_reader r;
	enum smr_err err = smr_fs_read(path, FILE_MAX, &blob);

	if (err == SMR_E_NOT_FOUND)
		return SMR_OK;
	if (err != SMR_OK)
		return err;
	r = smr_reader_init(smr_bytes_of(blob.ptr, blob.len));
	get(&r, out);
	err = smr_reader_done(&r) == SMR_OK ? SMR_OK : SMR_E_MALFORMED;
	smr_blob_wipe(&blob);
	return err;
}

enum smr_err smr_memory_load(const char *dir, struct smr_memory *out, struct smr_problem *problem)
{
	char *path = smr_fs_join(dir, SMR_MEMORY_FILE);
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	if (path == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	err = read_memory(path, out);
	if (err != SMR_OK) {
		memset(out, 0, sizeof(*out));
		(void)smr_problem(problem, err, "%s: %s; it holds nothing but pauses and counters and may be removed",
				  path, smr_err_text(err));
	}
	free(path);
	return err;
}

static enum smr_err write_into(const char *dir, const char *name, struct smr_bytes content, mode_t mode)
{
	char *path = smr_fs_join(dir, name);
	enum smr_err err = path == NULL ? SMR_E_NO_MEMORY : smr_fs_write(path, content, mode);

	free(path);
	return err;
}

static enum smr_err save_status(const char *dir, const struct smr_memory *memory)
{
	char text[1024];
	FILE *out = fmemopen(text, sizeof(text), "w");
	long len;

	if (out == NULL)
		return SMR_E_NO_MEMORY;
	smr_memory_json(out, memory);
	len = fflush(out) == 0 ? ftell(out) : -1;
	(void)fclose(out);
	if (len <= 0)
		return SMR_E_NO_ROOM;
	return write_into(dir, SMR_STATUS_FILE, smr_bytes_of(text, (size_t)len), 0640);
}

enum smr_err smr_memory_save(const char *dir, const struct smr_memory *memory)
{
	uint8_t room[FILE_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded = SMR_NONE;

	put(&w, memory);
	SMR_TRY(smr_writer_done(&w, &encoded));
	SMR_TRY(write_into(dir, SMR_MEMORY_FILE, encoded, 0600));
	return save_status(dir, memory);
}

void smr_memory_json(FILE *out, const struct smr_memory *m)
{
	(void)fprintf(out,
		      "{\"state\":\"%s\",\"paused\":%s,\"failures_running\":%" PRIu32 ",\"next_due\":%" PRIu64
		      ",\"last_contact\":%" PRIu64 ",\"last_refusal\":%" PRIu32 ",\"flight_wanted\":%s,",
		      smr_agent_state_name(m->state), m->paused ? "true" : "false", m->level, m->due_unix,
		      m->last_contact_unix, m->last_refusal, m->flight_wanted ? "true" : "false");
	(void)fprintf(out,
		      "\"flights\":%" PRIu64 ",\"flights_accepted\":%" PRIu64 ",\"checkins\":%" PRIu64
		      ",\"checkins_accepted\":%" PRIu64 ",\"datagrams_up\":%" PRIu64 ",\"datagrams_down\":%" PRIu64
		      ",\"bytes_up\":%" PRIu64 ",\"bytes_down\":%" PRIu64 ",\"replies_ignored\":%" PRIu64 "}\n",
		      m->flights, m->flights_accepted, m->checkins, m->checkins_accepted, m->traffic.datagrams_up,
		      m->traffic.datagrams_down, m->traffic.bytes_up, m->traffic.bytes_down, m->traffic.ignored);
}

void smr_memory_print(FILE *out, const struct smr_memory *m, bool running, uint64_t now_unix)
{
	(void)fprintf(out, "agent            %s\n", running ? smr_agent_state_name(m->state) : "not running");
	if (m->due_unix > now_unix)
		(void)fprintf(out, "next contact     in %" PRIu64 " s%s\n", m->due_unix - now_unix,
			      m->paused ? " (pause after a failure)" : "");
	if (m->last_contact_unix != 0 && m->last_contact_unix <= now_unix)
		(void)fprintf(out, "last contact     %" PRIu64 " s ago\n", now_unix - m->last_contact_unix);
	if (m->last_refusal != SMR_REFUSAL_NONE)
		(void)fprintf(out, "refused          %s\n", smr_refusal_text((enum smr_refusal)m->last_refusal));
	(void)fprintf(out, "flights          %" PRIu64 ", %" PRIu64 " accepted\n", m->flights, m->flights_accepted);
	(void)fprintf(out, "check-ins        %" PRIu64 ", %" PRIu64 " accepted\n", m->checkins, m->checkins_accepted);
	(void)fprintf(out, "up               %" PRIu64 " datagrams, %" PRIu64 " octets\n", m->traffic.datagrams_up,
		      m->traffic.bytes_up);
	(void)fprintf(out, "down             %" PRIu64 " datagrams, %" PRIu64 " octets, %" PRIu64 " replies ignored\n",
		      m->traffic.datagrams_down, m->traffic.bytes_down, m->traffic.ignored);
}
