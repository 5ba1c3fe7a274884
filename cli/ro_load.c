/* SPDX-License-Identifier: Apache-2.0 */
/* samara ro load: shipments, references, batches and commands into the store, each file in one transaction. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/ro_keys.h"
#include "file/frame.h"
#include "sys/fsio.h"
#include "sys/progress.h"

/* Records that were read ahead, so that the store may ask for all of their rows at once. */
struct group {
	struct smr_store_ahead about[SMR_STORE_AHEAD_MAX];
	struct smr_blob encoded[SMR_STORE_AHEAD_MAX];
	size_t count;
	uint64_t first; /* number of the first one in the file */
};

struct loading {
	const struct smr_party *ro;
	struct smr_store *store;
	const char *path;
	struct smr_file_reader *reader;
	const struct smr_file_info *info;
	struct smr_key_id operator_id;	/* batches and commands */
	struct smr_pubkey operator_key; /* commands */
	struct smr_shipment_id shipment;
	uint64_t record;   /* that is being loaded; 0: the header */
	const char *field; /* what the record's error is about, or NULL */
	bool in_store;	   /* the error came from the store, which has words for it */
	struct group group;
	struct smr_problem *problem;
};

/* ---- records ---- */

static enum smr_err stored(struct loading *l, const char *field, enum smr_err err)
{
	l->field = field;
	l->in_store = err != SMR_OK;
	return err;
}

static enum smr_err load_device(struct loading *l, struct smr_bytes encoded)
{
	struct smr_shipment_record record;

	l->field = "device";
	SMR_TRY(smr_get_shipment_record(encoded, &record));
	return stored(l, "eid", smr_store_put_device(l->store, &l->shipment, &record));
}

static enum smr_err load_reference(struct loading *l, struct smr_bytes encoded)
{
	struct smr_reference_record record;

	l->field = "measurement";
	SMR_TRY(smr_get_reference_record(encoded, &record));
	return stored(l, "measurement", smr_store_put_reference(l->store, l->info->sender, &record));
}

static enum smr_err load_package(struct loading *l, struct smr_bytes encoded)
{
	struct smr_batch_record record;

	l->field = "package";
	SMR_TRY(smr_get_batch_record(encoded, &record));
	l->field = "operator";
	if (memcmp(&record.package.operator_id, &l->operator_id, sizeof(l->operator_id)) != 0)
		return SMR_E_OPERATOR;
	return stored(l, "package", smr_store_put_package(l->store, &record));
}

/* The command inside has to say what the record says: the store goes by the record, the device by the command. */
static enum smr_err load_command(struct loading *l, struct smr_bytes encoded)
{
	struct smr_command_record record;
	struct smr_command command;

	l->field = "command";
	SMR_TRY(smr_get_command_record(encoded, &record));
	if (record.command.len == 0)
		return stored(l, "withdrawal", smr_store_withdraw(l->store, &l->operator_id, &record));
	SMR_TRY(smr_command_open(record.command, &l->operator_key, &command));
	if (memcmp(&command.eid, &record.eid, sizeof(record.eid)) != 0 ||
	    memcmp(&command.iccid, &record.iccid, sizeof(record.iccid)) != 0 || command.serial != record.serial)
		return SMR_E_MALFORMED;
	return stored(l, "command", smr_store_put_command(l->store, &l->operator_id, &record));
}

/* ---- what stands before the records ---- */

static struct smr_bytes about_of(const struct loading *l)
{
	return smr_bytes_of(l->info->about, l->info->about_len);
}

static enum smr_err begin_shipment(struct loading *l)
{
	struct smr_store_shipment shipment = {0};
	struct smr_shipment_id id;

	l->field = "shipment";
	SMR_TRY(smr_get_shipment_about(about_of(l), &shipment.about));
	SMR_TRY(smr_shipment_id_of(l->info->sender, l->info->number, &id));
	if (memcmp(&id, &shipment.about.id, sizeof(id)) != 0)
		return SMR_E_MALFORMED; /* a supplier speaks for its own shipments only */
	l->shipment = id;
	memcpy(shipment.supplier, l->info->sender, sizeof(shipment.supplier));
	shipment.number = l->info->number;
	SMR_TRY(stored(l, "shipment", smr_store_put_shipment(l->store, &shipment)));
	SMR_WIPE(shipment);
	return SMR_OK;
}

static enum smr_err begin_references(struct loading *l)
{
	l->field = "about";
	return smr_get_empty_about(about_of(l));
}

static enum smr_err begin_batch(struct loading *l)
{
	struct smr_store_party auc = {0};
	struct smr_card card;
	struct smr_bytes encoded;

	l->field = "AuC's card";
	SMR_TRY(smr_get_batch_about(about_of(l), &encoded));
	SMR_TRY(smr_card_open(encoded, &card));
	if (strcmp(card.role, "auc") != 0 || !card.has_kem)
		return SMR_E_UNSUPPORTED;
	memcpy(auc.role, card.role, sizeof(auc.role));
	memcpy(auc.name, card.name, sizeof(auc.name));
	memcpy(auc.sign, card.sign, sizeof(auc.sign));
	auc.has_kem = true;
	memcpy(auc.kem, card.kem, sizeof(auc.kem));
	l->field = "sender";
	SMR_TRY(smr_cli_key_id(l->info->sender, &l->operator_id));
	return stored(l, "AuC's card", smr_store_put_auc(l->store, &l->operator_id, &auc));
}

static enum smr_err begin_commands(struct loading *l)
{
	l->field = "about";
	SMR_TRY(smr_get_empty_about(about_of(l)));
	l->field = "sender";
	SMR_TRY(smr_pubkey_import(&l->operator_key, SMR_ARRAY(l->info->sender)));
	return smr_key_id_of(l->operator_key.point, &l->operator_id);
}

/* ---- what a record is about; one that cannot be read says so when it is loaded ---- */

static void about_device(struct smr_bytes encoded, struct smr_store_ahead *out)
{
	struct smr_shipment_record record;

	if (smr_get_shipment_record(encoded, &record) == SMR_OK)
		out->eid = record.eid;
}

static void about_package(struct smr_bytes encoded, struct smr_store_ahead *out)
{
	struct smr_batch_record record;

	if (smr_get_batch_record(encoded, &record) != SMR_OK)
		return;
	out->eid = record.eid;
	out->iccid = record.package.iccid;
}

static void about_command(struct smr_bytes encoded, struct smr_store_ahead *out)
{
	struct smr_command_record record;

	if (smr_get_command_record(encoded, &record) == SMR_OK)
		out->eid = record.eid;
}

struct kind {
	enum smr_file_type type;
	const char *role;
	enum smr_err (*begin)(struct loading *l);
	enum smr_err (*load)(struct loading *l, struct smr_bytes encoded);
	void (*about)(struct smr_bytes encoded, struct smr_store_ahead *out); /* NULL: no device */
};

static const struct kind kinds[] = {
	{SMR_FILE_SHIPMENT, "supplier", begin_shipment, load_device, about_device},
	{SMR_FILE_REFERENCES, "supplier", begin_references, load_reference, NULL},
	{SMR_FILE_BATCH, "sho", begin_batch, load_package, about_package},
	{SMR_FILE_COMMANDS, "sho", begin_commands, load_command, about_command},
};

/* ---- one file ---- */

/* Which kind of file it claims to be; everything is verified when it is opened as that. */
static enum smr_err peek(const char *path, const struct kind **out, struct smr_problem *problem)
{
	uint8_t room[SMR_FILE_HEADER_MAX];
	struct smr_file_info info;
	struct smr_reader r;
	struct smr_bytes seal;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t len = fd < 0 ? -1 : read(fd, room, sizeof(room));
	int errnum = errno;

	if (fd >= 0)
		(void)close(fd);
	if (len < 0)
		return smr_problem(problem, smr_fs_err(errnum), "%s: %s", path, strerror(errnum));
	r = smr_reader_init(smr_bytes_of(room, (size_t)len));
	if (smr_get_header(&r, &info, &seal) != SMR_OK)
		return smr_problem(problem, SMR_E_MALFORMED, "%s: header: it is not a file of Samara, or was cut off",
				   path);
	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		*out = &kinds[i];
		if (kinds[i].type == info.type)
			return SMR_OK;
	}
	return smr_problem(problem, SMR_E_UNSUPPORTED, "%s holds %s, which an RO does not load", path,
			   smr_file_type_name(info.type));
}

static enum smr_err explain(struct loading *l, enum smr_err err)
{
	const char *words = l->in_store ? smr_store_problem(l->store) : "";
	uint64_t record = l->record;
	char where[32] = "header";

	if (record > 0)
		(void)snprintf(where, sizeof(where), "record %llu", (unsigned long long)record);
	return smr_problem(l->problem, err, "%s: %s: %s%s%s; nothing of the file was loaded", l->path, where,
			   l->field == NULL ? "" : l->field, l->field == NULL ? "" : ": ",
			   words[0] != '\0' ? words : smr_err_text(err));
}

static enum smr_err keep(struct group *group, const struct kind *kind, struct smr_bytes record)
{
	struct smr_blob *blob = &group->encoded[group->count];

	blob->ptr = malloc(record.len + 1);
	if (blob->ptr == NULL)
		return SMR_E_NO_MEMORY;
	blob->len = record.len;
	memcpy(blob->ptr, record.ptr, record.len);
	group->about[group->count] = (struct smr_store_ahead){0};
	if (kind->about != NULL)
		kind->about(record, &group->about[group->count]);
	group->count++;
	return SMR_OK;
}

static void empty_group(struct group *group)
{
	for (size_t i = 0; i < group->count; i++)
		smr_blob_wipe(&group->encoded[i]);
	group->count = 0;
}

/* What came before an error is in the group all the same. */
static enum smr_err read_group(struct loading *l, const struct kind *kind)
{
	struct smr_bytes record;

	l->group.first = smr_file_position(l->reader) + 1;
	while (l->group.count < SMR_STORE_AHEAD_MAX) {
		SMR_TRY(smr_file_next(l->reader, &record));
		SMR_TRY(keep(&l->group, kind, record));
	}
	return SMR_OK;
}

static enum smr_err load_group(struct loading *l, const struct kind *kind, struct smr_progress *progress)
{
	const struct group *group = &l->group;

	if (kind->about != NULL)
		SMR_TRY(stored(l, NULL,
			       smr_store_look_ahead(l->store, group->about, group->count,
						    kind->type == SMR_FILE_BATCH ? &l->operator_id : NULL)));
	for (size_t i = 0; i < group->count; i++) {
		l->record = group->first + i;
		SMR_TRY(kind->load(l, smr_bytes_of(group->encoded[i].ptr, group->encoded[i].len)));
		l->field = NULL;
		smr_progress_add(progress, 1);
	}
	return SMR_OK;
}

static enum smr_err load_all_groups(struct loading *l, const struct kind *kind, struct smr_progress *progress)
{
	for (;;) {
		enum smr_err read = read_group(l, kind);
		enum smr_err err = l->group.count > 0 ? load_group(l, kind, progress) : SMR_OK;

		empty_group(&l->group);
		if (err != SMR_OK)
			return err;
		if (read != SMR_OK) {
			l->record = smr_file_position(l->reader);
			return read;
		}
	}
}

static enum smr_err load_records(struct loading *l, const struct kind *kind, bool quiet)
{
	struct smr_progress progress;
	enum smr_err err;

	smr_progress_start(&progress, "loading", l->info->count, quiet);
	err = load_all_groups(l, kind, &progress);
	smr_progress_end(&progress);
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

static enum smr_err load_in_transaction(struct loading *l, const struct kind *kind, bool quiet)
{
	enum smr_err err = kind->begin(l);

	if (err == SMR_OK) {
		l->field = NULL;
		err = load_records(l, kind, quiet);
	}
	if (err == SMR_OK)
		return stored(l, NULL, smr_store_load_end(l->store, true));
	(void)explain(l, err);
	if (smr_store_load_end(l->store, false) != SMR_OK)
		return smr_problem_prefix(l->problem, err, "roll-back failed");
	return err;
}

static enum smr_err load_open(struct loading *l, const struct kind *kind, bool quiet)
{
	enum smr_err err = smr_store_load_begin(l->store, l->info);

	if (err == SMR_E_EXISTS) {
		if (!quiet)
			(void)printf("%s: loaded before, nothing to do\n", l->path);
		return SMR_OK;
	}
	if (err != SMR_OK)
		return explain(l, stored(l, NULL, err));
	err = load_in_transaction(l, kind, quiet);
	smr_pubkey_wipe(&l->operator_key);
	if (err == SMR_OK && !quiet)
		(void)printf("%s: %s %llu: %llu records\n", l->path, smr_file_type_name(l->info->type),
			     (unsigned long long)l->info->number, (unsigned long long)l->info->count);
	if (err == SMR_OK && !quiet && l->info->type == SMR_FILE_SHIPMENT && smr_store_load_renewed(l->store) > 0)
		(void)printf(
			"%llu devices were enrolled anew: where an operator has sealed already, its consent is awaited "
			"(a batch sealed with «samara sho seal --re-enrolled»)\n",
			(unsigned long long)smr_store_load_renewed(l->store));
	if (err != SMR_OK && l->problem->text[0] == '\0')
		return explain(l, err);
	return err;
}

/* What is sealed stays confidential only as long as nobody has both the batch and, later, a device's t. */
static enum smr_err end_batch(const struct smr_args *args, const char *path, struct smr_problem *problem)
{
	if (smr_arg_given(args, "remove")) {
		enum smr_err err = smr_fs_remove(path);

		return err == SMR_OK ? SMR_OK
				     : smr_problem(problem, err,
						   "%s is loaded, but cannot be removed: remove it by hand", path);
	}
	if (!args->quiet)
		(void)printf("%s: loaded; remove it now, here and wherever it was carried (--remove does it here)\n",
			     path);
	return SMR_OK;
}

static enum smr_err load_file(const struct smr_party *ro, struct smr_store *store, const char *path,
			      const struct smr_args *args, struct smr_problem *problem)
{
	struct loading l = {.ro = ro, .store = store, .path = path, .problem = problem};
	const struct kind *kind = NULL;
	enum smr_err err;

	SMR_TRY(peek(path, &kind, problem));
	if (kind == NULL)
		return SMR_E_UNSUPPORTED;
	SMR_TRY(smr_party_open_file(ro, path, kind->type, kind->role, &l.reader, NULL, problem));
	l.info = smr_file_reader_info(l.reader);
	err = load_open(&l, kind, args->quiet);
	smr_file_close(l.reader);
	if (err == SMR_OK && kind->type == SMR_FILE_BATCH)
		return end_batch(args, path, problem);
	return err;
}

static enum smr_err load_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY ro = {0};
	struct smr_store *store;
	enum smr_err err = SMR_OK;

	SMR_TRY(smr_party_open(args->dir, "ro", SMR_PARTY_KEYS, &ro, problem));
	SMR_TRY(smr_ro_store_open(args->dir, SMR_STORE_WRITE, &store, problem));
	SMR_TRY(smr_ro_store_use_ring(args->dir, &store, problem));
	for (size_t i = 0; err == SMR_OK && i < args->positional_count; i++)
		err = load_file(&ro, store, args->positional[i], args, problem);
	smr_store_close(store);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, load_action);
}

static const struct smr_option options[] = {
	{"remove", 0, NULL, 0, "remove each batch once it is loaded"},
};

const struct smr_subcommand smr_cmd_ro_load = {
	.path = "ro load",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.positional = "FILE...",
	.positional_min = 1,
	.positional_max = 4096,
	.summary = "Load shipments, references, batches and commands.",
	.details = "Each file is loaded whole or not at all; one that was loaded before is passed over.\n"
		   "Files after a bad one are not looked at.\n"
		   "samarad may run: it notices by itself.",
	.example = "samara ro load --dir ro --remove shipment-1.smr references-1.smr batch-1.smr",
};
