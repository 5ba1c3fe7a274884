/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker: receives batches, drives their items through the pipeline, sends batches. It never waits for the disk: while the
 * committer works on one batch the worker opens the next. When as many requests as it may hold are under way (or all its batches are)
 * it stops receiving, and the socket's buffer fills: that is the back-pressure.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/admission.h"
#include "server/item.h"
#include "server/server.h"
#include "sys/fault.h"
#include "sys/log.h"

#define BATCH_ITEMS SMR_WORKER_BATCH_MAX
#define BATCHES 16u		    /* while few requests come, one batch holds few of them */
#define HELD_MAX (4u * BATCH_ITEMS) /* requests under way, in all batches */
#define REFILLS_MAX 16u		    /* then what was kept has waited long enough */
#define IDLE_MS 1000		    /* then no ticket key is kept ready any more */

struct batch {
	struct batch *next_free;
	struct smr_keyring *ring; /* held from receiving to sending */
	struct smr_pending_view pending;
	size_t count; /* received for it */
	size_t held;  /* of them, under way */
	struct smr_item items[BATCH_ITEMS];
	struct smr_item *vacant[BATCH_ITEMS]; /* items that hold nothing, while receiving */
	struct smr_store_device devices[BATCH_ITEMS];
	struct smr_store_change changes[BATCH_ITEMS];
	struct smr_item *change_item[BATCH_ITEMS];
	struct smr_commit_job job;
};

struct smr_worker {
	pthread_t thread;
	struct smr_server *server;
	struct smr_metrics *metrics;
	int udp_fd;
	struct smr_store *store;
	bool store_failing;
	struct smr_commit_inbox *inbox;
	struct batch *batches; /* BATCHES */
	struct batch *free_list;
	size_t under_way; /* batches */
	size_t held;	  /* requests of those, which wait for the store */
	uint16_t message_id;
	struct smr_admission *admission;
	struct smr_ticket_lanes lanes;
	uint64_t lanes_of; /* generation of the keyring that they are of; 0: none is ready */
};

static struct smr_steps steps_of(struct smr_worker *w, const struct batch *b)
{
	return (struct smr_steps){b->ring, b->pending, w->metrics, &w->message_id, w->admission, &w->lanes};
}

/** Of what is erased from the store nothing is to stay ready here. */
static void keep_lanes_of(struct smr_worker *w, uint64_t generation)
{
	if (w->lanes_of != generation)
		smr_ticket_lanes_wipe(&w->lanes);
	w->lanes_of = generation;
}

/* ---- receive and send ---- */

static size_t kept_in(const struct batch *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < BATCH_ITEMS; i++)
		kept += b->items[i].stage != SMR_STAGE_FREE;
	return kept;
}

/** How many requests a batch may come to hold now. */
static size_t room_of(const struct smr_worker *w)
{
	size_t left = HELD_MAX - w->held;

	return left < w->server->config->batch ? left : w->server->config->batch;
}

/** Fills b->vacant; returns how many there are. */
static size_t find_vacant(const struct smr_worker *w, struct batch *b)
{
	size_t kept = kept_in(b);
	size_t room = room_of(w) > kept ? room_of(w) - kept : 0;
	size_t count = 0;

	for (size_t i = 0; i < BATCH_ITEMS && count < room; i++) {
		if (b->items[i].stage == SMR_STAGE_FREE)
			b->vacant[count++] = &b->items[i];
	}
	return count;
}

static void note_received(struct smr_item *item, const struct mmsghdr *header)
{
	item->stage = SMR_STAGE_RECEIVED;
	item->tries = 0;
	item->in_len = header->msg_hdr.msg_flags & MSG_TRUNC ? 0 : header->msg_len;
	item->from_len = header->msg_hdr.msg_namelen;
	item->control_len = header->msg_hdr.msg_controllen;
}

/** As many as there is room for in the batch. Returns whether there may be more. */
static bool receive(struct smr_worker *w, struct batch *b)
{
	struct mmsghdr headers[BATCH_ITEMS];
	struct iovec parts[BATCH_ITEMS];
	size_t room = find_vacant(w, b);
	size_t bytes = 0;
	int n;

	memset(headers, 0, room * sizeof(*headers));
	for (size_t i = 0; i < room; i++) {
		struct smr_item *item = b->vacant[i];

		parts[i] = (struct iovec){item->in, sizeof(item->in)};
		headers[i].msg_hdr = (struct msghdr){.msg_name = &item->from,
						     .msg_namelen = sizeof(item->from),
						     .msg_iov = &parts[i],
						     .msg_iovlen = 1,
						     .msg_control = item->control,
						     .msg_controllen = sizeof(item->control)};
	}
	n = room ? recvmmsg(w->udp_fd, headers, (unsigned)room, MSG_DONTWAIT, NULL) : 0;
	if (n <= 0)
		return false;
	for (size_t i = 0; i < (size_t)n; i++) {
		note_received(b->vacant[i], &headers[i]);
		bytes += headers[i].msg_len;
	}
	b->count += (size_t)n;
	SMR_COUNT_UP(w->metrics, bytes_in, bytes);
	SMR_COUNT_UP(w->metrics, datagrams_in, n);
	smr_admission_observe(w->admission, w->udp_fd);
	return (size_t)n == room;
}

static void send_all(struct smr_worker *w, struct mmsghdr *headers, size_t count)
{
	size_t done = 0;

	while (done < count) {
		int n;

		SMR_FAULT("before-send", "answers");
		n = sendmmsg(w->udp_fd, headers + done, (unsigned)(count - done), 0);
		SMR_FAULT("after-send", "answers");
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			done++; /* this one cannot be sent (its host is unreachable, say); the client asks again */
	}
}

static void send_ready(struct smr_worker *w, struct batch *b)
{
	struct mmsghdr headers[BATCH_ITEMS];
	struct iovec parts[BATCH_ITEMS];
	size_t ready = 0;
	size_t bytes = 0;

	for (size_t i = 0; i < BATCH_ITEMS; i++) {
		struct smr_item *item = &b->items[i];

		if (item->stage != SMR_STAGE_SEND)
			continue;
		parts[ready] = (struct iovec){item->out, item->out_len};
		headers[ready] = (struct mmsghdr){.msg_hdr = {.msg_name = &item->from,
							      .msg_namelen = item->from_len,
							      .msg_iov = &parts[ready],
							      .msg_iovlen = 1,
							      .msg_control = item->control_len ? item->control : NULL,
							      .msg_controllen = item->control_len}};
		bytes += item->out_len;
		ready++;
		item->stage = SMR_STAGE_FREE;
	}
	send_all(w, headers, ready);
	SMR_COUNT_UP(w->metrics, datagrams_out, ready);
	SMR_COUNT_UP(w->metrics, bytes_out, bytes);
}

/* ---- the steps of a batch ---- */

static void note_store(struct smr_worker *w, enum smr_err err)
{
	if (err != SMR_OK && !w->store_failing)
		smr_log_error(SMR_LOG_ERROR, "store.unavailable", err, smr_store_problem(w->store));
	if (err == SMR_OK && w->store_failing)
		smr_log_event(SMR_LOG_INFO, "store.available");
	w->store_failing = err != SMR_OK;
}

/** One round trip for all items that want a row. Without the store there is no way to verify anybody: they go unanswered. */
static void look_up(struct smr_worker *w, struct batch *b)
{
	size_t count = 0;
	enum smr_err err;

	for (size_t i = 0; i < BATCH_ITEMS; i++) {
		struct smr_item *item = &b->items[i];

		if (item->stage != SMR_STAGE_LOOKUP)
			continue;
		item->device = &b->devices[count++];
		item->device->eid = *smr_item_eid(item);
		item->device->want_package = item->coap.path == SMR_COAP_FLIGHT;
		item->device->want_commands = item->coap.path == SMR_COAP_CHECKIN;
	}
	if (count == 0)
		return;
	err = smr_store_lookup(w->store, b->devices, count);
	SMR_COUNT_UP(w->metrics, store_round_trips, 1);
	note_store(w, err);
	for (size_t i = 0; err != SMR_OK && i < BATCH_ITEMS; i++) {
		if (b->items[i].stage == SMR_STAGE_LOOKUP) {
			SMR_COUNT_UP(w->metrics, dropped_store, 1);
			smr_item_wipe(&b->items[i]);
		}
	}
}

/** Judge what was looked up, answer what needs no commit. Returns the number of changes to commit. */
static size_t judge(struct smr_worker *w, struct batch *b)
{
	struct smr_steps steps = steps_of(w, b);
	size_t changes = 0;

	for (size_t i = 0; i < BATCH_ITEMS; i++) {
		struct smr_item *item = &b->items[i];

		if (item->stage == SMR_STAGE_LOOKUP) {
			item->change = &b->changes[changes];
			smr_item_judge(item, &steps);
		}
		if (item->stage == SMR_STAGE_COMMIT)
			b->change_item[changes++] = item;
		else if (item->stage == SMR_STAGE_ANSWER) {
			item->change = NULL;
			smr_item_answer(item, &steps, false);
		}
	}
	return changes;
}

static void release(struct smr_worker *w, struct batch *b)
{
	smr_keyring_release(b->ring);
	b->ring = NULL;
	smr_pending_release(&b->pending);
	b->next_free = w->free_list;
	w->free_list = b;
	w->under_way--;
	w->held -= b->held;
	b->held = 0;
}

/** The job comes back to this thread alone, so none of these is answered meanwhile. */
static void prepare_answers(struct smr_worker *w, struct batch *b, size_t changes)
{
	struct smr_steps steps = steps_of(w, b);

	for (size_t i = 0; i < changes; i++)
		smr_item_prepare(b->change_item[i], &steps);
}

/** From LOOKUP on; also the way back for items whose row had moved. */
static void advance(struct smr_worker *w, struct batch *b)
{
	size_t changes;

	look_up(w, b);
	changes = judge(w, b);
	send_ready(w, b);
	if (changes == 0) {
		release(w, b);
		return;
	}
	w->held += changes - b->held;
	b->held = changes;
	b->job = (struct smr_commit_job){.inbox = w->inbox, .changes = b->changes, .count = changes};
	smr_committer_submit(w->server->committer, &b->job);
	prepare_answers(w, b, changes);
}

/** While one is opened the store may fetch the row of those before. */
static void open_all(struct smr_worker *w, struct batch *b, const struct smr_steps *steps, enum smr_coap_path path)
{
	for (size_t i = 0; i < BATCH_ITEMS; i++) {
		struct smr_item *item = &b->items[i];

		if (item->stage != SMR_STAGE_READ || item->coap.path != path)
			continue;
		smr_item_open(item, steps);
		if (item->stage == SMR_STAGE_LOOKUP)
			smr_store_expect(w->store, smr_item_eid(item));
	}
}

/** Check-ins that need no store go out before the first flight costs its time. */
static void answer_opened(struct smr_worker *w, struct batch *b, const struct smr_steps *steps)
{
	for (size_t i = 0; i < BATCH_ITEMS; i++) {
		if (b->items[i].stage == SMR_STAGE_ANSWER) {
			b->items[i].change = NULL;
			smr_item_answer(&b->items[i], steps, false);
		}
	}
	send_ready(w, b);
}

static void open_received(struct smr_worker *w, struct batch *b, const struct smr_steps *steps)
{
	for (size_t i = 0; i < BATCH_ITEMS; i++) {
		if (b->items[i].stage == SMR_STAGE_RECEIVED)
			smr_item_read(&b->items[i], steps);
	}
	open_all(w, b, steps, SMR_COAP_CHECKIN);
	answer_opened(w, b, steps);
	open_all(w, b, steps, SMR_COAP_FLIGHT);
	send_ready(w, b);
}

/* Most of what a loaded server receives it sends away. What it keeps should fill a commit all the same: one for a handful of devices
 * costs each of them three times as much processor time as one for sixty. */
static bool wants_more(const struct smr_worker *w, const struct batch *b)
{
	return kept_in(b) < w->server->config->batch / 2 && b->count < REFILLS_MAX * w->server->config->batch &&
	       smr_admission_is_loaded(w->admission);
}

/** Returns whether there may be more in the socket. */
static bool begin(struct smr_worker *w, struct batch *b)
{
	bool more;
	struct smr_steps steps;

	b->count = 0;
	more = receive(w, b);
	if (b->count == 0)
		return false;
	w->free_list = b->next_free;
	w->under_way++;
	b->ring = smr_server_ring(w->server);
	b->pending = smr_pending_hold(w->server->pending);
	keep_lanes_of(w, smr_keyring_generation(b->ring));
	steps = steps_of(w, b);
	open_received(w, b, &steps);
	while (more && wants_more(w, b)) {
		more = receive(w, b);
		open_received(w, b, &steps);
	}
	advance(w, b);
	return more;
}

/** A change was not applied because the row had moved: look again, a bounded number of times. */
static void retry(struct smr_worker *w, struct smr_item *item)
{
	SMR_COUNT_UP(w->metrics, conflicts, 1);
	if (++item->tries >= SMR_ITEM_TRIES_MAX)
		smr_item_wipe(item); /* the client's resend will find a quieter moment */
	else
		item->stage = SMR_STAGE_LOOKUP;
}

static void finish(struct smr_worker *w, struct batch *b)
{
	struct smr_steps steps = steps_of(w, b);

	keep_lanes_of(w, smr_keyring_generation(b->ring)); /* others may have begun, or been idle, since */
	for (size_t i = 0; i < b->job.count; i++) {
		struct smr_item *item = b->change_item[i];

		if (b->job.err == SMR_OK && b->changes[i].err == SMR_E_BUSY)
			retry(w, item);
		else
			smr_item_answer(item, &steps, b->job.err != SMR_OK || b->changes[i].err != SMR_OK);
	}
	advance(w, b);
}

/* ---- the loop ---- */

static struct batch *batch_of(struct smr_commit_job *job)
{
	return (struct batch *)((uint8_t *)job - offsetof(struct batch, job));
}

static void take_finished(struct smr_worker *w)
{
	struct smr_commit_job *job;

	while ((job = smr_commit_inbox_take(w->inbox)) != NULL)
		finish(w, batch_of(job));
}

static bool has_room(const struct smr_worker *w)
{
	return w->free_list != NULL && w->held < HELD_MAX;
}

/** What was committed meanwhile is answered before the next are opened. Under a load that never ends this does: there may be a word to stop. */
static void take_requests(struct smr_worker *w)
{
	for (unsigned round = 0; round < BATCHES && has_room(w) && begin(w, w->free_list); round++)
		take_finished(w);
}

static void *run(void *context)
{
	struct smr_worker *w = context;
	bool stopping = false;

	while (!stopping || w->under_way > 0) {
		/* A negative descriptor is one that poll leaves out. */
		struct pollfd fds[3] = {{smr_commit_inbox_fd(w->inbox), POLLIN, 0},
					{has_room(w) && !stopping ? w->udp_fd : -1, POLLIN, 0},
					{stopping ? -1 : w->server->stop_fd, POLLIN, 0}};
		int ready = poll(fds, SMR_COUNT(fds), w->lanes_of != 0 ? IDLE_MS : -1);

		if (ready < 0 && errno != EINTR)
			break;
		if (ready == 0)
			keep_lanes_of(w, 0);
		smr_batch_begin();
		if (fds[0].revents)
			take_finished(w);
		if (fds[1].revents)
			take_requests(w);
		if (fds[2].revents) {
			take_requests(w); /* what is in the socket's buffer has arrived: it is answered */
			stopping = true;
		}
		smr_batch_end();
	}
	return NULL;
}

static void free_worker(struct smr_worker *w)
{
	if (w->store != NULL)
		smr_store_close(w->store);
	smr_ticket_lanes_wipe(&w->lanes);
	smr_admission_free(w->admission);
	smr_commit_inbox_free(w->inbox);
	free(w->batches);
	free(w);
}

static enum smr_err prepare(struct smr_worker *w)
{
	w->inbox = smr_commit_inbox_new();
	w->batches = calloc(BATCHES, sizeof(*w->batches));
	if (w->inbox == NULL || w->batches == NULL)
		return SMR_E_NO_MEMORY;
	for (size_t i = 0; i < BATCHES; i++) {
		w->batches[i].next_free = w->free_list;
		w->free_list = &w->batches[i];
	}
	SMR_TRY(smr_admission_new(w->server->config, w->metrics, &w->admission));
	SMR_TRY(smr_random((uint8_t *)&w->message_id, sizeof(w->message_id)));
	SMR_TRY(smr_store_open(w->server->config->store, SMR_STORE_READ, &w->store));
	return w->server->packages != NULL ? smr_store_use_ring(w->store, w->server->packages) : SMR_OK;
}

enum smr_err smr_worker_start(struct smr_server *server, struct smr_metrics *metrics, int udp_fd,
			      struct smr_worker **out)
{
	struct smr_worker *w = calloc(1, sizeof(*w));
	enum smr_err err;

	if (w == NULL)
		return SMR_E_NO_MEMORY;
	w->server = server;
	w->metrics = metrics;
	w->udp_fd = udp_fd;
	err = prepare(w);
	if (err == SMR_OK && pthread_create(&w->thread, NULL, run, w) != 0)
		err = SMR_E_NO_MEMORY;
	if (err != SMR_OK) {
		free_worker(w);
		return err;
	}
	*out = w;
	return SMR_OK;
}

void smr_worker_join(struct smr_worker *worker)
{
	pthread_join(worker->thread, NULL);
	free_worker(worker);
}
