/* SPDX-License-Identifier: Apache-2.0 */
/* The M2ME's configuration: what is read, what is written back, and what of it is measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "m2me/config.h"
#include "tests/unit/scratch.h"

static const char full[] =
	"[launch]\ntre-user = 61001\ntre-group = 61002\nagent-user = 61003\nagent-group = 61004\n"
	"tre-dir = state/tre\ntre-socket = /run/x/tre.sock\ntre-binary = bin/tre\nagent-binary = /bin/agent\n"
	"measure = /lib/one.so\nmeasure = two.so\n"
	"[tre]\nboot-log = b.log\n[server]\naddress = coap://192.0.2.1:5683\n"
	"[agent]\nstate = a\ncertificate = never\ninterval = 2h\nattach-timeout = 30s\n"
	"[sim]\ncontrol = /run/wpa/wlan0\ncontrol = eapol\n";

static void load(const char *text, struct smr_m2me_config *config)
{
	struct smr_problem problem = {{0}};

	scratch_text("m2me.ini", text);
	if (smr_m2me_config_load("m2me.ini", config, &problem) != SMR_OK)
		fail_msg("%s", problem.text);
}

static void assert_here(const char *path, const char *relative)
{
	char expected[8192];

	(void)snprintf(expected, sizeof(expected), "%s/%s", scratch_dir, relative);
	assert_string_equal(path, expected);
}

static void test_load_full_file_takes_every_key_and_makes_paths_absolute(void **state)
{
	struct smr_m2me_config c;

	(void)state;
	load(full, &c);
	assert_int_equal(c.tre_user, 61001);
	assert_int_equal(c.tre_group, 61002);
	assert_int_equal(c.agent_user, 61003);
	assert_int_equal(c.agent_group, 61004);
	assert_here(c.tre_dir, "state/tre");
	assert_string_equal(c.tre_socket, "/run/x/tre.sock");
	assert_here(c.tre_binary, "bin/tre");
	assert_string_equal(c.agent_binary, "/bin/agent");
	assert_int_equal(c.measure.count, 2);
	assert_string_equal(c.measure.items[0], "/lib/one.so");
	assert_here(c.measure.items[1], "two.so");
	assert_here(c.boot_log, "b.log");
	assert_string_equal(c.address, "coap://192.0.2.1:5683");
	assert_here(c.state, "a");
	assert_int_equal(c.certificate, SMR_M2ME_CERTIFICATE_NEVER);
	assert_int_equal(c.interval_s, 7200);
	assert_int_equal(c.attach_timeout_s, 30);
	assert_int_equal(c.control.count, 2);
	assert_here(c.control.items[1], "eapol");
	smr_m2me_config_wipe(&c);
}

static void test_load_shortest_file_takes_defaults(void **state)
{
	struct smr_m2me_config c;

	(void)state;
	load("[server]\naddress = coap://h:1\n", &c);
	assert_int_equal(c.tre_user, 0);
	assert_here(c.tre_dir, "tre");
	assert_here(c.tre_socket, "tre.sock");
	assert_string_equal(c.tre_binary, "");
	assert_here(c.boot_log, "boot.log");
	assert_int_equal(c.certificate, SMR_M2ME_CERTIFICATE_AUTO);
	assert_int_equal(c.interval_s, 0);
	assert_int_equal(c.attach_timeout_s, 60);
	assert_int_equal(c.measure.count + c.control.count, 0);
	smr_m2me_config_wipe(&c);
}

static void test_load_bad_file_names_line_and_key(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} cases[] = {
		{"[agent]\nstate = a\n", "address"},
		{"[server]\naddress = coap://h:1\nport = 5\n", ":3: unknown key port"},
		{"[other]\nx = 1\n", ":2: unknown section [other]"},
		{"[server]\naddress = coap://h:1\n[agent]\ncertificate = perhaps\n", "auto|always|never"},
		{"[launch]\ntre-user = 4294967295\n", "tre-user"},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_problem problem = {{0}};
		struct smr_m2me_config c;

		scratch_text("m2me.ini", cases[i].text);
		assert_int_equal(smr_m2me_config_load("m2me.ini", &c, &problem), SMR_E_MALFORMED);
		if (strstr(problem.text, cases[i].words) == NULL)
			fail_msg("«%s» does not say «%s»", problem.text, cases[i].words);
	}
}

static void test_write_then_load_elsewhere_gives_the_same(void **state)
{
	struct smr_m2me_config c;
	struct smr_m2me_config again;
	struct smr_problem problem = {{0}};
	FILE *out;

	(void)state;
	load(full, &c);
	assert_int_equal(mkdir("sub", 0700), 0);
	out = fopen("sub/copy.ini", "we");
	assert_non_null(out);
	assert_int_equal(smr_m2me_config_write(&c, out), SMR_OK);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(smr_m2me_config_load("sub/copy.ini", &again, &problem), SMR_OK);
	assert_int_equal(again.agent_group, c.agent_group);
	assert_string_equal(again.tre_dir, c.tre_dir);
	assert_string_equal(again.tre_binary, c.tre_binary);
	assert_string_equal(again.state, c.state);
	assert_string_equal(again.boot_log, c.boot_log);
	assert_int_equal(again.measure.count, 2);
	assert_string_equal(again.measure.items[1], c.measure.items[1]);
	assert_int_equal(again.certificate, c.certificate);
	assert_int_equal(again.interval_s, c.interval_s);
	assert_int_equal(again.attach_timeout_s, c.attach_timeout_s);
	assert_int_equal(again.control.count, 2);
	assert_string_equal(again.control.items[1], c.control.items[1]);
	smr_m2me_config_wipe(&c);
	smr_m2me_config_wipe(&again);
}

static void assert_canonical(const char *text, const char *expected)
{
	uint8_t room[SMR_M2ME_CANONICAL_MAX];
	struct smr_space space = {room, sizeof(room)};
	struct smr_m2me_config c;

	load(text, &c);
	assert_int_equal(smr_m2me_config_canonical(&c, &space), SMR_OK);
	assert_int_equal(space.len, strlen(expected));
	assert_memory_equal(room, expected, space.len);
	space.len--;
	assert_int_equal(smr_m2me_config_canonical(&c, &space), SMR_E_NO_ROOM);
	smr_m2me_config_wipe(&c);
}

static void test_canonical_has_what_matters_and_nothing_of_one_device(void **state)
{
	(void)state;
	assert_canonical(full, "server.address=coap://192.0.2.1:5683\nagent.certificate=never\nagent.interval=7200\n"
			       "agent.attach-timeout=30\n");
	/* Another spelling of the same values. */
	assert_canonical("[agent]\ninterval=120m\ncertificate=never\nattach-timeout=30s\n[server]\naddress=coap://"
			 "192.0.2.1:5683\n",
			 "server.address=coap://192.0.2.1:5683\nagent.certificate=never\nagent.interval=7200\n"
			 "agent.attach-timeout=30\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_load_full_file_takes_every_key_and_makes_paths_absolute),
		scratch_test(test_load_shortest_file_takes_defaults),
		scratch_test(test_load_bad_file_names_line_and_key),
		scratch_test(test_write_then_load_elsewhere_gives_the_same),
		scratch_test(test_canonical_has_what_matters_and_nothing_of_one_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
