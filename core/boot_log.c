/* SPDX-License-Identifier: Apache-2.0 */
#include "core/boot_log.h"

bool smr_boot_text_is_good(struct smr_bytes text, size_t max)
{
	if (text.len == 0 || text.len > max)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		/* C0 and DEL; and C1, which UTF-8 writes as c2 80 to c2 9f. */
		if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			return false;
		if (text.ptr[i] == 0xc2 && i + 1 < text.len && text.ptr[i + 1] < 0xa0)
			return false;
	}
	return true;
}

static bool event_is_good(const struct smr_tpm_event *event)
{
	return event->pcr < SMR_TPM_STATIC_PCRS && smr_boot_text_is_good(event->name, SMR_BOOT_NAME_MAX);
}

static void fail(struct smr_writer *w, enum smr_err err)
{
	if (w->err == SMR_OK)
		w->err = err;
}

/** At most @p longest octets of it, and no part of a character. */
static struct smr_bytes cut(struct smr_bytes name, size_t longest)
{
	if (name.len <= longest)
		return name;
	while (longest > 0 && (name.ptr[longest] & 0xc0) == 0x80)
		longest--;
	name.len = longest;
	return name;
}

void smr_put_shown_log(struct smr_writer *w, const struct smr_boot_log *log, size_t longest)
{
	size_t before = w->len;

	if (log->count == 0 || log->count > SMR_BOOT_EVENTS_MAX)
		fail(w, SMR_E_TOO_MANY);
	smr_put_array(w, log->count);
	for (size_t i = 0; i < log->count && w->err == SMR_OK; i++) {
		const struct smr_tpm_event *event = &log->events[i];

		if (!event_is_good(event))
			fail(w, SMR_E_MALFORMED);
		smr_put_array(w, 3);
		smr_put_uint(w, event->pcr);
		smr_put_bytes(w, SMR_ARRAY(event->digest));
		smr_put_text(w, cut(event->name, longest));
	}
	if (w->len - before > SMR_BOOT_LOG_MAX)
		fail(w, SMR_E_TOO_MANY);
}

void smr_put_boot_log(struct smr_writer *w, const struct smr_boot_log *log)
{
	smr_put_shown_log(w, log, SMR_BOOT_NAME_MAX);
}

static void get_event(struct smr_reader *r, struct smr_tpm_event *event, size_t shortest)
{
	(void)smr_get_array(r, 3, 3);
	event->pcr = (uint8_t)smr_get_uint(r, SMR_TPM_STATIC_PCRS - 1);
	smr_get_fixed(r, event->digest, sizeof(event->digest));
	event->name = smr_get_text(r, shortest, SMR_BOOT_NAME_MAX);
	if (r->err == SMR_OK && event->name.len > 0 && !event_is_good(event))
		smr_reader_fail(r, SMR_E_MALFORMED);
}

/** @p shortest: octets that a name has at least. */
static void get_log(struct smr_reader *r, size_t shortest, struct smr_boot_log *out)
{
	size_t before = r->pos;

	/* Read in place: a second log on the stack is what a small device has no room for. */
	*out = (struct smr_boot_log){0};
	out->count = smr_get_array(r, 1, SMR_BOOT_EVENTS_MAX);
	for (size_t i = 0; i < out->count && r->err == SMR_OK; i++)
		get_event(r, &out->events[i], shortest);
	if (r->err == SMR_OK && r->pos - before > SMR_BOOT_LOG_MAX)
		smr_reader_fail(r, SMR_E_MALFORMED);
	if (r->err != SMR_OK)
		*out = (struct smr_boot_log){0};
}

void smr_get_boot_log(struct smr_reader *r, struct smr_boot_log *out)
{
	get_log(r, 1, out);
}

void smr_get_shown_log(struct smr_reader *r, struct smr_boot_log *out)
{
	get_log(r, 0, out);
}
