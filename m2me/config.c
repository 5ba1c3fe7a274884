/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/fsio.h"

#define AT(member) offsetof(struct smr_m2me_config, member)
#define ID_MAX 4294967294u /* the last one means «none» to the kernel */
#define CERTIFICATE_CHOICES "auto|always|never"

const struct smr_ini_key smr_m2me_config_keys[] = {
	{"launch", "tre-user", SMR_INI_UINT, AT(tre_user), "0", 0, ID_MAX,
	 "user id of samara-tre; 0: who starts samara-launch, if that is not root", NULL},
	{"launch", "tre-group", SMR_INI_UINT, AT(tre_group), "0", 0, ID_MAX, "its group id; 0: as above", NULL},
	{"launch", "agent-user", SMR_INI_UINT, AT(agent_user), "0", 0, ID_MAX,
	 "user id of samara-m2me, another than the TRE's; 0: as above", NULL},
	{"launch", "agent-group", SMR_INI_UINT, AT(agent_group), "0", 0, ID_MAX,
	 "its group id, another than the TRE's; may use the TRE's socket; 0: as above", NULL},
	{"launch", "tre-dir", SMR_INI_TEXT, AT(tre_dir), "tre", 1, PATH_MAX - 1, "directory of the TRE's state", NULL},
	{"launch", "tre-socket", SMR_INI_TEXT, AT(tre_socket), "tre.sock", 1, 255, "socket of samara-tre", NULL},
	{"launch", "tre-binary", SMR_INI_TEXT, AT(tre_binary), "", 0, PATH_MAX - 1,
	 "program to run as the TRE; empty: samara-tre beside samara-launch", NULL},
	{"launch", "agent-binary", SMR_INI_TEXT, AT(agent_binary), "", 0, PATH_MAX - 1,
	 "program to run as the agent; empty: samara-m2me beside samara-launch", NULL},
	{"launch", "measure", SMR_INI_LIST, AT(measure), "", 0, 64, "further file that counts in the measurement",
	 NULL},
	{"tre", "boot-log", SMR_INI_TEXT, AT(boot_log), "boot.log", 1, PATH_MAX - 1,
	 "what this start of the device extended into the TPM; written by samara-boot", NULL},
	{"tre", "tpm", SMR_INI_TEXT, AT(tpm), "", 0, 255,
	 "TPM of the TRE: device:/dev/tpmrm0, or swtpm:host=127.0.0.1,port=N; empty: none", NULL},
	{"server", "address", SMR_INI_TEXT, AT(address), NULL, 8, 255, "coap://HOST:PORT of the registration operator",
	 NULL},
	{"agent", "state", SMR_INI_TEXT, AT(state), "agent", 1, PATH_MAX - 1, "directory of the agent's state", NULL},
	{"agent", "certificate", SMR_INI_CHOICE, AT(certificate), "auto", 0, 0,
	 "send the device certificate in flights", CERTIFICATE_CHOICES},
	{"agent", "interval", SMR_INI_DURATION, AT(interval_s), "0", 0, 31536000,
	 "time between check-ins; 0: the MCIM's policy", NULL},
	{"agent", "attach-timeout", SMR_INI_DURATION, AT(attach_timeout_s), "60s", 1, 86400,
	 "how long to wait for an answer before the contact counts as lost", NULL},
	{"agent", "bind", SMR_INI_TEXT, AT(bind), "", 0, 64, "local IP address to send from; empty: the system chooses",
	 NULL},
	{"agent", "ack-timeout", SMR_INI_DURATION, AT(ack_timeout_s), "2s", 1, 60,
	 "time before the first retransmission (ACK_TIMEOUT of RFC 7252)", NULL},
	{"agent", "max-retransmit", SMR_INI_UINT, AT(max_retransmit), "4", 0, 8,
	 "retransmissions of one request (MAX_RETRANSMIT of RFC 7252)", NULL},
	{"agent", "pause-min-ms", SMR_INI_UINT, AT(pause_min_ms), "2000", 10, 3600000,
	 "milliseconds of the first pause after a failure; each further one is twice as long", NULL},
	{"agent", "pause-max", SMR_INI_DURATION, AT(pause_max_s), "1h", 1, 86400, "longest pause after failures", NULL},
	{"sim", "control", SMR_INI_LIST, AT(control), "", 0, 16,
	 "control interface of wpa_supplicant or eapol_test to serve as external SIM", NULL},
};
const size_t smr_m2me_config_key_count = SMR_COUNT(smr_m2me_config_keys);

static const char *certificate_name(unsigned certificate)
{
	static const char *const names[] = {"auto", "always", "never"};

	return names[certificate < SMR_COUNT(names) ? certificate : SMR_M2ME_CERTIFICATE_AUTO];
}

/* Absolute directory of the file at @p path, on the heap. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *relative = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	char *absolute = relative == NULL ? NULL : realpath(relative, NULL);

	free(relative);
	return absolute;
}

static enum smr_err resolve(const char *base, char **path)
{
	char *absolute;

	if (**path == '\0')
		return SMR_OK;
	absolute = smr_fs_join(base, *path);
	if (absolute == NULL)
		return SMR_E_NO_MEMORY;
	free(*path);
	*path = absolute;
	return SMR_OK;
}

static enum smr_err resolve_all(const char *base, struct smr_m2me_config *config)
{
	char **single[] = {&config->tre_dir,	  &config->tre_socket, &config->tre_binary,
			   &config->agent_binary, &config->boot_log,   &config->state};
	const struct smr_ini_list *lists[] = {&config->measure, &config->control};

	for (size_t i = 0; i < SMR_COUNT(single); i++)
		SMR_TRY(resolve(base, single[i]));
	for (size_t list = 0; list < SMR_COUNT(lists); list++)
		for (size_t i = 0; i < lists[list]->count; i++)
			SMR_TRY(resolve(base, &lists[list]->items[i]));
	return SMR_OK;
}

enum smr_err smr_m2me_config_load(const char *path, struct smr_m2me_config *out, struct smr_problem *problem)
{
	enum smr_err err;
	char *base;

	SMR_TRY(smr_ini_load(path, smr_m2me_config_keys, smr_m2me_config_key_count, out, problem));
	base = directory_of(path);
	err = base == NULL ? smr_fs_err(errno) : resolve_all(base, out);
	free(base);
	if (err != SMR_OK) {
		smr_m2me_config_wipe(out);
		return smr_problem(problem, err, "%s: %s", path, smr_err_text(err));
	}
	return SMR_OK;
}

void smr_m2me_config_wipe(struct smr_m2me_config *config)
{
	smr_ini_wipe(smr_m2me_config_keys, smr_m2me_config_key_count, config);
}

static void write_list(FILE *out, const char *key, const struct smr_ini_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		(void)fprintf(out, "%s = %s\n", key, list->items[i]);
}

/* An empty value is written as a key left out, which reads the same. */
static void write_text(FILE *out, const char *key, const char *value)
{
	if (*value != '\0')
		(void)fprintf(out, "%s = %s\n", key, value);
}

enum smr_err smr_m2me_config_write(const struct smr_m2me_config *config, FILE *out)
{
	(void)fprintf(out, "[launch]\ntre-user = %llu\ntre-group = %llu\nagent-user = %llu\nagent-group = %llu\n",
		      (unsigned long long)config->tre_user, (unsigned long long)config->tre_group,
		      (unsigned long long)config->agent_user, (unsigned long long)config->agent_group);
	write_text(out, "tre-dir", config->tre_dir);
	write_text(out, "tre-socket", config->tre_socket);
	write_text(out, "tre-binary", config->tre_binary);
	write_text(out, "agent-binary", config->agent_binary);
	write_list(out, "measure", &config->measure);
	(void)fprintf(out, "[tre]\nboot-log = %s\n", config->boot_log);
	write_text(out, "tpm", config->tpm);
	(void)fprintf(out, "[server]\naddress = %s\n", config->address);
	(void)fprintf(out, "[agent]\nstate = %s\ncertificate = %s\ninterval = %llus\nattach-timeout = %llus\n",
		      config->state, certificate_name(config->certificate), (unsigned long long)config->interval_s,
		      (unsigned long long)config->attach_timeout_s);
	write_text(out, "bind", config->bind);
	(void)fprintf(out, "ack-timeout = %llus\nmax-retransmit = %llu\npause-min-ms = %llu\npause-max = %llus\n",
		      (unsigned long long)config->ack_timeout_s, (unsigned long long)config->max_retransmit,
		      (unsigned long long)config->pause_min_ms, (unsigned long long)config->pause_max_s);
	(void)fprintf(out, "[sim]\n");
	write_list(out, "control", &config->control);
	return fflush(out) == 0 && ferror(out) == 0 ? SMR_OK : SMR_E_IO;
}

enum smr_err smr_m2me_config_canonical(const struct smr_m2me_config *config, struct smr_space *out)
{
	char text[SMR_M2ME_CANONICAL_MAX];
	int len = snprintf(text, sizeof(text),
			   "server.address=%s\nagent.certificate=%s\nagent.interval=%llu\nagent.attach-timeout=%llu\n",
			   config->address, certificate_name(config->certificate),
			   (unsigned long long)config->interval_s, (unsigned long long)config->attach_timeout_s);

	if (len < 0 || (size_t)len >= sizeof(text) || (size_t)len > out->len)
		return SMR_E_NO_ROOM;
	memcpy(out->ptr, text, (size_t)len);
	out->len = (size_t)len;
	return SMR_OK;
}
