/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sho_csv.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include "sys/fsio.h"
#include "sys/text.h"

/* A USIM's array begins at 0 and takes no jump above delta: a first SEQ beyond it could never be used. */
#define SEQ_LIMIT SMR_SQN_DELTA_DEFAULT
#define LINE_ROOM 320u

static const struct smr_csv_column columns[SMR_SHO_COLUMNS] = {
	[SMR_SHO_ICCID] = {"iccid", true},
	[SMR_SHO_IMSI] = {"imsi", true},
	[SMR_SHO_ALGORITHM] = {"algorithm", true},
	[SMR_SHO_K] = {"k", true},
	[SMR_SHO_OPC] = {"opc", true},
	[SMR_SHO_AMF] = {"amf", false},
	[SMR_SHO_SQN] = {"sqn", false},
	[SMR_SHO_INTERVAL] = {"interval", false},
	[SMR_SHO_PROFILE] = {"profile", false},
};

enum smr_err smr_sho_csv_open(const char *path, struct smr_csv **out, struct smr_problem *problem)
{
	struct stat st;

	*out = NULL;
	if (stat(path, &st) != 0)
		return smr_problem(problem, smr_fs_err(errno), "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return smr_problem(problem, SMR_E_IO, "%s is not a regular file", path);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return smr_problem(problem, SMR_E_REFUSED,
				   "%s holds subscriber keys, but others may use it: «chmod 600» it first", path);
	return smr_csv_open(path, columns, SMR_SHO_COLUMNS, out, problem);
}

/* ---- one line ---- */

struct line {
	struct smr_csv *csv;
	struct smr_problem *problem;
};

static enum smr_err bad(const struct line *l, enum smr_sho_column column, enum smr_err err, const char *detail)
{
	return smr_csv_problem(l->csv, (size_t)column, err, l->problem, detail);
}

static enum smr_err take_identities(const struct line *l, struct smr_subscription *out)
{
	enum smr_err err = smr_iccid_parse(smr_csv_field(l->csv, SMR_SHO_ICCID), &out->iccid);

	if (err != SMR_OK)
		return bad(l, SMR_SHO_ICCID, err, err == SMR_E_MALFORMED ? "an ICCID has 19 or 20 digits" : NULL);
	err = smr_imsi_parse(smr_csv_field(l->csv, SMR_SHO_IMSI), &out->mcim.imsi);
	return err == SMR_OK ? SMR_OK : bad(l, SMR_SHO_IMSI, err, "an IMSI has 6 to 15 digits");
}

static enum smr_err take_algorithm(const struct line *l, struct smr_aka_params *aka)
{
	const char *name = (const char *)smr_csv_field(l->csv, SMR_SHO_ALGORITHM).ptr;

	if (strcasecmp(name, "milenage") == 0)
		aka->alg = SMR_AKA_MILENAGE;
	else if (strcasecmp(name, "tuak") == 0)
		aka->alg = SMR_AKA_TUAK;
	else
		return bad(l, SMR_SHO_ALGORITHM, SMR_E_UNSUPPORTED, "an algorithm is milenage or tuak");
	aka->res_len = SMR_AKA_RES_DEFAULT;
	aka->keccak_iterations = 1;
	return SMR_OK;
}

static enum smr_err take_keys(const struct line *l, struct smr_aka_params *aka)
{
	bool tuak = aka->alg == SMR_AKA_TUAK;
	struct smr_space k = {aka->k, sizeof(aka->k)};
	struct smr_space opc = {aka->opc, sizeof(aka->opc)};

	if (smr_hex_decode(smr_csv_field(l->csv, SMR_SHO_K), &k) != SMR_OK || (k.len != 16 && !(tuak && k.len == 32)))
		return bad(l, SMR_SHO_K, SMR_E_MALFORMED,
			   tuak ? "K of TUAK is 32 or 64 hex digits" : "K of MILENAGE is 32 hex digits");
	if (smr_hex_decode(smr_csv_field(l->csv, SMR_SHO_OPC), &opc) != SMR_OK || opc.len != smr_aka_opc_len(aka->alg))
		return bad(l, SMR_SHO_OPC, SMR_E_MALFORMED, tuak ? "TOPc is 64 hex digits" : "OPc is 32 hex digits");
	aka->k_len = (uint8_t)k.len;
	return smr_aka_params_check(aka) == SMR_OK ? SMR_OK : bad(l, SMR_SHO_ALGORITHM, SMR_E_UNSUPPORTED, NULL);
}

/* A field, or the default where it is empty or the file has no such column. */
static const char *text_or(const struct line *l, enum smr_sho_column column, const char *fallback)
{
	struct smr_bytes field = smr_csv_field(l->csv, (size_t)column);

	return field.len > 0 ? (const char *)field.ptr : fallback;
}

static enum smr_err take_policy(const struct line *l, struct smr_subscription *out)
{
	uint64_t interval;
	uint64_t profile;

	if (smr_hex_decode_exact(text_or(l, SMR_SHO_AMF, "8000"), out->amf, sizeof(out->amf)) != SMR_OK)
		return bad(l, SMR_SHO_AMF, SMR_E_MALFORMED, "an AMF is 4 hex digits");
	if (smr_parse_uint(text_or(l, SMR_SHO_SQN, "0"), 0, SMR_SQN_MAX, &out->sqn) != SMR_OK)
		return bad(l, SMR_SHO_SQN, SMR_E_MALFORMED, "an SQN is a decimal number below 2^48");
	if (smr_sqn_seq(out->sqn) >= SEQ_LIMIT)
		return bad(l, SMR_SHO_SQN, SMR_E_SQN,
			   "a new subscription begins with an SQN below 2^33: a USIM takes no larger first step");
	if (smr_parse_duration(text_or(l, SMR_SHO_INTERVAL, "24h"), SMR_INTERVAL_MIN, SMR_INTERVAL_MAX, &interval) !=
	    SMR_OK)
		return bad(l, SMR_SHO_INTERVAL, SMR_E_MALFORMED, "an interval is a duration from 60s to 365d");
	if (smr_parse_uint(text_or(l, SMR_SHO_PROFILE, "0"), 0, UINT32_MAX, &profile) != SMR_OK)
		return bad(l, SMR_SHO_PROFILE, SMR_E_MALFORMED, "a profile is a number below 2^32");
	out->mcim.checkin_interval_s = (uint32_t)interval;
	out->mcim.profile = (uint32_t)profile;
	out->mcim.sqn_delta = SMR_SQN_DELTA_DEFAULT;
	return SMR_OK;
}

enum smr_err smr_sho_csv_next(struct smr_csv *csv, struct smr_subscription *out, struct smr_problem *problem)
{
	const struct line l = {csv, problem};
	enum smr_err err = smr_csv_next(csv, problem);

	*out = (struct smr_subscription){0};
	if (err == SMR_OK)
		err = take_identities(&l, out);
	if (err == SMR_OK)
		err = take_algorithm(&l, &out->mcim.aka);
	if (err == SMR_OK)
		err = take_keys(&l, &out->mcim.aka);
	if (err == SMR_OK)
		err = take_policy(&l, out);
	if (err != SMR_OK)
		SMR_WIPE(*out);
	return err;
}

enum smr_err smr_sho_csv_put(int fd, const struct smr_subscription *subscription)
{
	const struct smr_aka_params *aka = &subscription->mcim.aka;
	char k[SMR_HEX_TEXT(sizeof(aka->k))];
	char opc[SMR_HEX_TEXT(sizeof(aka->opc))];
	char amf[SMR_HEX_TEXT(2)];
	char iccid[SMR_ICCID_TEXT];
	char imsi[SMR_IMSI_TEXT];
	char line[LINE_ROOM];
	int len;
	enum smr_err err;

	smr_iccid_text(&subscription->iccid, iccid);
	smr_imsi_text(&subscription->mcim.imsi, imsi);
	smr_hex_encode(smr_bytes_of(aka->k, aka->k_len), k);
	smr_hex_encode(smr_bytes_of(aka->opc, smr_aka_opc_len(aka->alg)), opc);
	smr_hex_encode(SMR_ARRAY(subscription->amf), amf);
	len = snprintf(line, sizeof(line), "%s,%s,%s,%s,%s,%s,%llu,%us,%u\n", iccid, imsi,
		       aka->alg == SMR_AKA_TUAK ? "tuak" : "milenage", k, opc, amf,
		       (unsigned long long)subscription->sqn, subscription->mcim.checkin_interval_s,
		       subscription->mcim.profile);
	err = len > 0 && (size_t)len < sizeof(line) ? smr_fs_write_all(fd, smr_bytes_of(line, (size_t)len))
						    : SMR_E_NO_ROOM;
	SMR_WIPE(k);
	SMR_WIPE(opc);
	SMR_WIPE(line);
	return err;
}
