/* SPDX-License-Identifier: Apache-2.0 */
/* samara ro status: the store in numbers, one device, and what a running samarad counts. */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/ro_keys.h"
#include "sys/clock.h"
#include "sys/fsio.h"
#include "sys/text.h"
#include "sys/unixsock.h"

#define LIVE_ROOM 65536u
#define LIVE_WAIT_MS 2000

static const char *const state_names[] = {"empty", "sealed", "offered", "installed", "reseal"};

static const char *state_name(enum smr_row_state state)
{
	return (unsigned)state < SMR_COUNT(state_names) ? state_names[state] : "unknown";
}

/* ---- a running samarad ---- */

static json_t *read_live(int fd)
{
	struct pollfd wait = {fd, POLLIN, 0};
	char *text = malloc(LIVE_ROOM);
	json_t *live = NULL;

	if (text != NULL && poll(&wait, 1, LIVE_WAIT_MS) == 1) {
		ssize_t len = recv(fd, text, LIVE_ROOM, 0);

		if (len > 0)
			live = json_loadb(text, (size_t)len, 0, NULL);
	}
	free(text);
	return live;
}

/* What samarad says of itself, or null when none runs. */
static json_t *ask_server(const struct smr_args *args)
{
	const char *name = smr_arg(args, "socket");
	char *path = name != NULL ? strdup(name) : smr_fs_join(args->dir, "samarad.sock");
	json_t *live = NULL;
	int fd;

	if (path != NULL && smr_unix_connect(path, &fd) == SMR_OK) {
		live = read_live(fd);
		(void)close(fd);
	}
	free(path);
	return live != NULL ? live : json_null();
}

/* ---- the store ---- */

static json_t *states_json(const struct smr_store_counts *counts)
{
	json_t *states = json_object();

	for (size_t i = 0; i < SMR_COUNT(state_names); i++)
		if (json_object_set_new(states, state_names[i], json_integer((json_int_t)counts->by_state[i])) != 0)
			break;
	return states;
}

static json_t *key_json(const struct smr_flight_key *key, uint64_t now)
{
	char from[24];
	char until[24];

	smr_cli_time(key->not_before, from);
	smr_cli_time(key->not_after, until);
	return json_pack("{s:s, s:I, s:s, s:s, s:b}", "kind", key->kind == SMR_FLIGHT_KEY_SHELF ? "shelf" : "epoch",
			 "number", (json_int_t)key->number, "from", from, "until", until, "in_use",
			 key->not_before <= now && now < key->not_after);
}

static enum smr_err keys_json(struct smr_store *store, json_t **out, struct smr_problem *problem)
{
	struct smr_ro_keys keys = {0};
	uint64_t now = smr_clock_unix();
	int failed = 0;

	SMR_TRY(smr_ro_keys_read(store, &keys, problem));
	*out = json_array();
	for (size_t i = 0; i < keys.count; i++)
		failed |= json_array_append_new(*out, key_json(&keys.list[i].key, now));
	smr_ro_keys_free(&keys);
	return failed == 0 ? SMR_OK : SMR_E_NO_MEMORY;
}

static enum smr_err overview(const struct smr_args *args, struct smr_store *store, json_t **out,
			     struct smr_problem *problem)
{
	struct smr_store_counts counts = {0};
	json_t *keys = NULL;
	enum smr_err err = smr_store_count(store, &counts);

	if (err != SMR_OK)
		return smr_ro_store_fail(store, err, problem);
	SMR_TRY(keys_json(store, &keys, problem));
	*out = json_pack("{s:I, s:o, s:I, s:{s:I, s:I}, s:I, s:I, s:I, s:o, s:o}", "devices",
			 (json_int_t)counts.devices, "states", states_json(&counts), "commands_pending",
			 (json_int_t)counts.commands_pending, "relay", "waiting", (json_int_t)counts.relay_waiting,
			 "unacknowledged", (json_int_t)counts.relay_unacknowledged, "shipments",
			 (json_int_t)counts.shipments, "operators", (json_int_t)counts.operators, "references",
			 (json_int_t)counts.references, "flight_keys", keys, "server", ask_server(args));
	return *out != NULL ? SMR_OK : SMR_E_NO_MEMORY;
}

/* The text is made from the same object, so that both forms say the same. */
static void print_overview(const json_t *all)
{
	const json_t *live = json_object_get(all, "server");
	const json_t *relay = json_object_get(all, "relay");
	const json_t *keys = json_object_get(all, "flight_keys");
	const char *name;
	json_t *value;
	size_t i;

	(void)printf("devices %lld:", json_integer_value(json_object_get(all, "devices")));
	json_object_foreach(json_object_get(all, "states"), name, value)(void)
		printf(" %s %lld", name, json_integer_value(value));
	(void)printf("\ncommands pending %lld; relay: %lld waiting, %lld unacknowledged\n",
		     json_integer_value(json_object_get(all, "commands_pending")),
		     json_integer_value(json_object_get(relay, "waiting")),
		     json_integer_value(json_object_get(relay, "unacknowledged")));
	(void)printf("shipments %lld, operators %lld, approved measurements %lld\n",
		     json_integer_value(json_object_get(all, "shipments")),
		     json_integer_value(json_object_get(all, "operators")),
		     json_integer_value(json_object_get(all, "references")));
	json_array_foreach(keys, i, value)(void) printf(
		"%s key %lld: %s to %s%s\n", json_string_value(json_object_get(value, "kind")),
		json_integer_value(json_object_get(value, "number")), json_string_value(json_object_get(value, "from")),
		json_string_value(json_object_get(value, "until")),
		json_is_true(json_object_get(value, "in_use")) ? "" : ", not in use");
	if (json_is_null(live)) {
		(void)printf("samarad does not answer\n");
		return;
	}
	(void)printf("samarad: ");
	(void)json_dumpf(live, stdout, JSON_PRESERVE_ORDER);
	(void)putchar('\n');
}

/* ---- one device ---- */

static json_t *package_json(const struct smr_store_device *device)
{
	char operator_id[SMR_HEX_TEXT(SMR_KEY_ID_LEN)];
	char iccid[SMR_ICCID_TEXT];

	if (device->row.state == SMR_ROW_EMPTY)
		return json_null();
	smr_hex_encode(SMR_ARRAY(device->operator_id.octets), operator_id);
	smr_iccid_text(&device->row.iccid, iccid);
	return json_pack("{s:s, s:s, s:I}", "operator", operator_id, "iccid", iccid, "serial",
			 (json_int_t)device->row.serial);
}

static enum smr_err device(struct smr_store *store, const char *text, json_t **out, struct smr_problem *problem)
{
	struct smr_store_device_status *status = calloc(1, sizeof(*status));
	char shipment[SMR_HEX_TEXT(SMR_SHIPMENT_ID_LEN)];
	char anew[SMR_HEX_TEXT(SMR_SHIPMENT_ID_LEN)];
	struct smr_eid eid;
	enum smr_err err = status == NULL ? SMR_E_NO_MEMORY : smr_cli_eid(text, &eid, problem);

	if (err == SMR_OK)
		err = smr_store_device_status(store, &eid, status);
	if (err == SMR_E_NOT_FOUND)
		(void)smr_problem(problem, err, "device %s is not known: no shipment or batch with it was loaded",
				  text);
	if (err == SMR_OK) {
		const struct smr_row *row = &status->device.row;

		smr_hex_encode(SMR_ARRAY(status->device.shipment.octets), shipment);
		smr_hex_encode(SMR_ARRAY(status->anew_shipment.octets), anew);
		*out = json_pack(
			"{s:s, s:s, s:b, s:b, s:s?, s:I, s:I, s:o, s:b, s:I, s:I, s:s?}", "eid", text, "state",
			state_name(row->state), "revoked", row->revoked, "known_key", status->device.known_d,
			"shipment", status->device.known_d ? shipment : NULL, "counter", (json_int_t)row->ctr,
			"lineage", (json_int_t)row->lineage, "package", package_json(&status->device), "evidence",
			status->has_evidence, "commands_pending", (json_int_t)status->commands_pending, "relay_waiting",
			(json_int_t)status->relay_waiting, "enrolled_anew", status->enrolled_anew ? anew : NULL);
		if (*out == NULL)
			err = SMR_E_NO_MEMORY;
	}
	free(status);
	return err == SMR_OK || problem->text[0] != '\0' ? err : smr_ro_store_fail(store, err, problem);
}

/* What somebody has to do before the device can go on. */
static void print_next(const json_t *d)
{
	const char *anew = json_string_value(json_object_get(d, "enrolled_anew"));

	if (anew != NULL)
		(void)printf("enrolled anew in shipment %s: its operator has to seal from that shipment "
			     "(«samara sho seal --re-enrolled»); until then the new keys get no answer\n",
			     anew);
	else if (strcmp(json_string_value(json_object_get(d, "state")), "reseal") == 0)
		(void)printf(
			"its operator has to seal anew («samara sho seal --reseal»): the device could not install the "
			"package or does not hold it any more, or the operator rejected or withdrew it\n");
	else if (strcmp(json_string_value(json_object_get(d, "state")), "empty") == 0)
		(void)printf("no operator has sealed for it yet: load a batch\n");
}

static void print_device(const json_t *d)
{
	const json_t *package = json_object_get(d, "package");
	const char *shipment = json_string_value(json_object_get(d, "shipment"));

	(void)printf("device %s: %s%s\n", json_string_value(json_object_get(d, "eid")),
		     json_string_value(json_object_get(d, "state")),
		     json_is_true(json_object_get(d, "revoked")) ? ", revoked" : "");
	if (!json_is_null(package))
		(void)printf("ICCID %s, serial %lld, operator %s\n",
			     json_string_value(json_object_get(package, "iccid")),
			     json_integer_value(json_object_get(package, "serial")),
			     json_string_value(json_object_get(package, "operator")));
	(void)printf("%s%s; counter %lld, lineage %lld\n", shipment != NULL ? "shipment " : "shows a certificate",
		     shipment != NULL ? shipment : "", json_integer_value(json_object_get(d, "counter")),
		     json_integer_value(json_object_get(d, "lineage")));
	(void)printf("commands pending %lld, relay records waiting %lld\n",
		     json_integer_value(json_object_get(d, "commands_pending")),
		     json_integer_value(json_object_get(d, "relay_waiting")));
	print_next(d);
}

/* ---- the command ---- */

static enum smr_err status_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY ro = {0};
	const char *eid = smr_arg(args, "eid");
	struct smr_store *store;
	json_t *answer = NULL;
	enum smr_err err;

	SMR_TRY(smr_party_open(args->dir, "ro", 0, &ro, problem));
	SMR_TRY(smr_ro_store_open(args->dir, SMR_STORE_READ, &store, problem));
	err = eid != NULL ? device(store, eid, &answer, problem) : overview(args, store, &answer, problem);
	smr_store_close(store);
	SMR_TRY(err);
	if (args->json)
		return smr_cli_json(answer);
	if (eid != NULL)
		print_device(answer);
	else
		print_overview(answer);
	json_decref(answer);
	return SMR_OK;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, status_action);
}

static const struct smr_option options[] = {
	{"eid", 0, "EID", 0, "only this device"},
	{"socket", 0, "PATH", 0, "status socket of samarad (DIR/samarad.sock)"},
};

const struct smr_subcommand smr_cmd_ro_status = {
	.path = "ro status",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_JSON,
	.summary = "Show what the store holds, or one device; with the counters of samarad while it runs.",
	.example = "samara ro status --dir ro --json",
};
