/* SPDX-License-Identifier: Apache-2.0 */
#include "auc/export.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sys/fsio.h"
#include "sys/text.h"

#define LINE_MAX_LEN 1200u
#define OSMO_MILENAGE 5 /* enum osmo_auth_algo of libosmocore */

struct exporting {
	struct smr_export *x;
	struct smr_fs_temp temp;
	struct smr_problem *problem;
};

static const struct {
	const char *name;
	const char *head;
	const char *tail;
} formats[] = {
	/* «.bail on»: the sqlite3 shell goes on after an error otherwise, and would commit a half. */
	[SMR_EXPORT_OSMO_HLR] = {"osmo-hlr", ".bail on\nBEGIN IMMEDIATE;\n", "COMMIT;\n"},
	[SMR_EXPORT_OPEN5GS] = {"open5gs", "", ""},
};

enum smr_err smr_export_format_parse(const char *text, enum smr_export_format *out)
{
	for (size_t i = 0; i < SMR_COUNT(formats); i++) {
		if (strcmp(text, formats[i].name) != 0)
			continue;
		*out = (enum smr_export_format)i;
		return SMR_OK;
	}
	return SMR_E_INVALID;
}

/* ---- one subscription as text ---- */

struct fields {
	char imsi[SMR_IMSI_TEXT];
	char k[SMR_HEX_TEXT(16)];
	char opc[SMR_HEX_TEXT(16)];
	char amf[SMR_HEX_TEXT(2)];
};

static void fill_fields(const struct smr_auc_subscription *s, struct fields *out)
{
	smr_imsi_text(&s->imsi, out->imsi);
	smr_hex_encode(smr_bytes_of(s->aka.k, 16), out->k);
	smr_hex_encode(smr_bytes_of(s->aka.opc, 16), out->opc);
	smr_hex_encode(SMR_ARRAY(s->amf), out->amf);
}

/* An IMSI that is there already breaks a constraint and so the whole file: an SQN is never set back. */
static int print_osmo_hlr(const struct fields *f, uint64_t sqn, char out[LINE_MAX_LEN])
{
	return snprintf(out, LINE_MAX_LEN,
			"INSERT INTO subscriber (imsi) VALUES ('%s');\n"
			"INSERT INTO auc_3g (subscriber_id, algo_id_3g, k, opc, sqn, ind_bitlen) VALUES "
			"((SELECT id FROM subscriber WHERE imsi = '%s'), %d, '%s', '%s', %llu, %u);\n",
			f->imsi, f->imsi, OSMO_MILENAGE, f->k, f->opc, (unsigned long long)sqn, SMR_SQN_IND_BITS);
}

/* What Open5GS's own tools write for a new subscriber: 1 Gbit/s, one slice, one session. */
#define OPEN5GS_AMBR "{\"downlink\":{\"value\":1,\"unit\":3},\"uplink\":{\"value\":1,\"unit\":3}}"
#define OPEN5GS_SLICE                                                                                                 \
	"[{\"sst\":1,\"default_indicator\":true,\"session\":[{\"name\":\"internet\",\"type\":3,\"qos\":{\"index\":9," \
	"\"arp\":{\"priority_level\":8,\"pre_emption_capability\":1,\"pre_emption_vulnerability\":1}},"               \
	"\"ambr\":" OPEN5GS_AMBR ",\"pcc_rule\":[]}]}]"

static int print_open5gs(const struct fields *f, uint64_t sqn, char out[LINE_MAX_LEN])
{
	return snprintf(out, LINE_MAX_LEN,
			"{\"schema_version\":1,\"imsi\":\"%s\",\"msisdn\":[],\"security\":{\"k\":\"%s\",\"op\":null,"
			"\"opc\":\"%s\",\"amf\":\"%s\",\"sqn\":{\"$numberLong\":\"%llu\"}},\"ambr\":" OPEN5GS_AMBR
			",\"slice\":" OPEN5GS_SLICE ",\"access_restriction_data\":32,\"network_access_mode\":0,"
			"\"subscriber_status\":0,\"subscribed_rau_tau_timer\":12}\n",
			f->imsi, f->k, f->opc, f->amf, (unsigned long long)sqn);
}

static enum smr_err write_line(struct exporting *e, const struct smr_auc_subscription *s)
{
	struct fields f;
	char line[LINE_MAX_LEN];
	uint64_t next;
	int len;
	enum smr_err err = smr_sqn_next(s->sqn, &next);

	fill_fields(s, &f);
	if (e->x->format == SMR_EXPORT_OSMO_HLR)
		len = print_osmo_hlr(&f, s->sqn, line);
	else
		len = print_open5gs(&f, next, line);
	if (err == SMR_OK)
		err = len > 0 && (size_t)len < sizeof(line) ? SMR_OK : SMR_E_NO_ROOM;
	if (err == SMR_OK)
		err = smr_fs_write_all(e->temp.fd, smr_bytes_of(line, (size_t)len));
	SMR_WIPE(f);
	SMR_WIPE(line);
	return err;
}

/* ---- which ---- */

/* Both sides compute MILENAGE with a RES of 8 octets and nothing else. */
static bool is_supported(const struct smr_auc_subscription *s)
{
	return s->aka.alg == SMR_AKA_MILENAGE && s->aka.res_len == 8;
}

static const char *why_not(const struct exporting *e, const struct smr_auc_subscription *s)
{
	if (s->state == SMR_AUC_WITHDRAWN)
		return "was withdrawn";
	if (s->state != SMR_AUC_ACTIVE)
		return "is not active: its installation was not verified yet";
	if (s->suspended)
		return "is suspended";
	if (s->exported && !e->x->again)
		return "was exported before; --again exports it once more, for a file that was lost";
	return NULL;
}

static enum smr_err refuse_algorithm(struct exporting *e, const struct smr_auc_subscription *s)
{
	char imsi[SMR_IMSI_TEXT];

	smr_imsi_text(&s->imsi, imsi);
	return smr_problem(e->problem, SMR_E_UNSUPPORTED,
			   "IMSI %s uses %s, which %s does not have; --skip-unsupported leaves such subscriptions out",
			   imsi, s->aka.alg == SMR_AKA_TUAK ? "TUAK" : "a RES of another length than 8",
			   formats[e->x->format].name);
}

static enum smr_err export_one(struct exporting *e, const struct smr_auc_subscription *s)
{
	enum smr_err err;

	if (!is_supported(s)) {
		if (!e->x->skip_unsupported)
			return refuse_algorithm(e, s);
		e->x->left_out++;
		return SMR_OK;
	}
	err = write_line(e, s);
	if (err != SMR_OK)
		return smr_problem(e->problem, err, "%s: %s", e->x->path, smr_err_text(err));
	err = smr_auc_db_note_exported(e->x->db, &s->iccid, formats[e->x->format].name);
	if (err != SMR_OK)
		return smr_problem(e->problem, err, "the AuC's database: %s", smr_auc_db_problem(e->x->db));
	e->x->count++;
	return SMR_OK;
}

static enum smr_err export_if_active(void *context, const struct smr_auc_subscription *s)
{
	struct exporting *e = context;

	if (why_not(e, s) == NULL)
		return export_one(e, s);
	e->x->left_out++;
	return SMR_OK;
}

static enum smr_err export_named(struct exporting *e, const struct smr_imsi *imsi)
{
	struct smr_auc_subscription s;
	char text[SMR_IMSI_TEXT];
	enum smr_err err = smr_auc_db_by_imsi(e->x->db, imsi, &s);

	smr_imsi_text(imsi, text);
	if (err != SMR_OK)
		err = smr_problem(e->problem, err, "IMSI %s: %s", text, smr_err_text(err));
	else if (why_not(e, &s) != NULL)
		err = smr_problem(e->problem, SMR_E_STATE, "IMSI %s %s", text, why_not(e, &s));
	else
		err = export_one(e, &s);
	smr_auc_subscription_wipe(&s);
	return err;
}

static enum smr_err export_chosen(struct exporting *e)
{
	enum smr_err err = SMR_OK;

	if (e->x->imsi_count == 0) {
		err = smr_auc_db_each_with_key(e->x->db, export_if_active, e);
		return err == SMR_OK || e->problem->text[0] != '\0'
			       ? err
			       : smr_problem(e->problem, err, "the AuC's database: %s", smr_err_text(err));
	}
	for (size_t i = 0; err == SMR_OK && i < e->x->imsi_count; i++)
		err = export_named(e, &e->x->imsis[i]);
	return err;
}

/* ---- the file ---- */

static enum smr_err write_file(struct exporting *e)
{
	enum smr_err err = smr_fs_write_all(e->temp.fd, smr_text_of(formats[e->x->format].head));

	if (err == SMR_OK)
		SMR_TRY(export_chosen(e));
	if (err == SMR_OK && e->x->count == 0)
		return smr_problem(e->problem, SMR_E_NOTHING,
				   "there is no active subscription to export (%llu left out)",
				   (unsigned long long)e->x->left_out);
	if (err == SMR_OK)
		err = smr_fs_write_all(e->temp.fd, smr_text_of(formats[e->x->format].tail));
	if (err == SMR_OK && fsync(e->temp.fd) != 0)
		err = smr_fs_err(errno);
	return err == SMR_OK ? SMR_OK : smr_problem(e->problem, err, "%s: %s", e->x->path, smr_err_text(err));
}

/* The notes are durable before anybody can read the file. */
static enum smr_err publish(struct exporting *e)
{
	enum smr_err err = smr_auc_db_end(e->x->db, true);

	if (err != SMR_OK)
		return smr_problem(e->problem, err, "the AuC's database: %s", smr_auc_db_problem(e->x->db));
	err = smr_fs_temp_commit(&e->temp);
	if (err == SMR_OK)
		return SMR_OK;
	return smr_problem(e->problem, err,
			   "%s: %s. The subscriptions are noted as exported: run this again with --again", e->x->path,
			   smr_err_text(err));
}

static enum smr_err export_in_transaction(struct exporting *e)
{
	/* It keeps a running AuC from giving a vector between the SQN that is read here and the note. */
	enum smr_err err = smr_auc_db_begin(e->x->db);

	if (err != SMR_OK)
		return smr_problem(e->problem, err, "the AuC's database: %s", smr_auc_db_problem(e->x->db));
	err = write_file(e);
	if (err == SMR_OK)
		return publish(e);
	if (smr_auc_db_end(e->x->db, false) != SMR_OK)
		(void)smr_problem_prefix(e->problem, err, "roll-back failed");
	return err;
}

enum smr_err smr_auc_export(struct smr_export *export, struct smr_problem *problem)
{
	struct exporting e = {.x = export, .problem = problem};
	enum smr_err err = smr_fs_temp_open(export->path, 0600, false, &e.temp);

	if (err == SMR_E_EXISTS)
		return smr_problem(problem, err, "%s exists already; keys are never overwritten", export->path);
	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: %s", export->path, smr_err_text(err));
	err = export_in_transaction(&e);
	smr_fs_temp_abort(&e.temp);
	return err;
}
