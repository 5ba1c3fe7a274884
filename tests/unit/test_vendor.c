/* SPDX-License-Identifier: Apache-2.0 */
/* Output files of SIM vendors: what is taken, and what is refused with its line. */
#include "tests/unit/scratch.h"

#include <stdio.h>

#include "file/vendor.h"
#include "sys/text.h"

#define PATH "cards.out"
#define HEADER                                                                                          \
	"*****\n* Example cards\n*HEADER\nCustomer: Example\nBatch: 7\nQuantity: 2\nTransport_Key: 3\n" \
	"Transport Algorithm: AES-128\n*INPUT VARIABLES\nIMSI: 001010000000001\n*OUTPUT VARIABLES\n"
#define COLUMNS_LINE "VAR_OUT: IMSI/ICCID/PIN1/EKI/OPC\n"
#define ICCID_1 "8988211000000000011"
#define ICCID_2 "8988211000000000029"
/* AES-128-ECB of FIPS 197 C.1: key 00..0f, plaintext 00112233445566778899aabbccddeeff. */
#define EKI "69c4e0d86a7b0430d8cdb78070b4c55a"
#define K "00112233445566778899aabbccddeeff"
#define OPC "cdc202d5123e20f62b6d676ac72cb318"
#define CARD_1 "001010000000001 " ICCID_1 " 1234 " EKI " " OPC "\n"
#define CARD_2 "001010000000002 " ICCID_2 " 0000 " EKI " " OPC "\n"

static struct smr_vendor_key keys[2] = {
	{.index = 3, .len = 16, .octets = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
	/* FIPS 197 C.3, AES-256: the same plaintext under 00..1f is 8ea2b7ca516745bfeafc49904b496089. */
	{.index = 4, .len = 32, .octets = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
					   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}},
};
static struct smr_problem problem;

/* Reads the whole file. @p count gets the cards, @p last the last one. */
static enum smr_err read_all(const char *text, size_t len, unsigned *count, struct smr_vendor_card *last)
{
	struct smr_vendor_file *file;
	struct smr_vendor_card card;
	enum smr_err err;

	*count = 0;
	problem.text[0] = '\0';
	scratch_put(PATH, text, len);
	err = smr_vendor_open(PATH, keys, SMR_COUNT(keys), &file, &problem);
	while (err == SMR_OK) {
		err = smr_vendor_next(file, &card, &problem);
		if (err == SMR_OK) {
			*last = card;
			(*count)++;
		}
	}
	smr_vendor_close(file);
	return err;
}

static void assert_read(const char *text, unsigned want)
{
	struct smr_vendor_card last;
	unsigned count;
	enum smr_err err = read_all(text, strlen(text), &count, &last);

	if (err != SMR_E_NOTHING)
		fail_msg("%s", problem.text);
	assert_int_equal(count, want);
}

static void assert_refused(const char *text, enum smr_err want, const char *words)
{
	struct smr_vendor_card last;
	unsigned count;

	assert_int_equal(read_all(text, strlen(text), &count, &last), want);
	if (strstr(problem.text, words) == NULL)
		fail_msg("«%s» is not in «%s»", words, problem.text);
	assert_null(strstr(problem.text, EKI));
	assert_null(strstr(problem.text, K));
}

/* ---- what is taken ---- */

static void test_card_is_read_and_its_key_decrypted(void **state)
{
	static const char text[] = HEADER COLUMNS_LINE CARD_1 CARD_2;
	struct smr_vendor_card card;
	uint8_t want[16];
	char iccid[SMR_ICCID_TEXT];
	char imsi[SMR_IMSI_TEXT];
	unsigned count;

	(void)state;
	assert_int_equal(read_all(text, strlen(text), &count, &card), SMR_E_NOTHING);
	assert_int_equal(count, 2);
	smr_iccid_text(&card.iccid, iccid);
	smr_imsi_text(&card.imsi, imsi);
	assert_string_equal(iccid, ICCID_2);
	assert_string_equal(imsi, "001010000000002");
	assert_int_equal(card.aka.alg, SMR_AKA_MILENAGE);
	assert_int_equal(smr_hex_decode_exact(K, want, 16), SMR_OK);
	assert_int_equal(card.aka.k_len, 16);
	assert_memory_equal(card.aka.k, want, 16);
	assert_int_equal(smr_hex_decode_exact(OPC, want, 16), SMR_OK);
	assert_memory_equal(card.aka.opc, want, 16);
}

static void test_forms_that_vendors_vary_are_read(void **state)
{
	(void)state;
	assert_read("Quantity: 1\r\nTransportKeyIndex: 3\r\n\r\nvar_out: iccid,imsi,eKI,OPc\r\n" ICCID_1
		    "\t001010000000001  " EKI " " OPC "\r\n",
		    1);
	assert_read("QUANTITY:1\nTransport-Key:3\nTransport Key Check: c6a13b\nVAR_OUT:IMSI/ICCID/EKI/OPC\n* one card\n"
		    "001010000000001 " ICCID_1 " " EKI " " OPC "\n\n* the end\n",
		    1);
}

static void test_opc_encrypted_and_a_key_per_card(void **state)
{
	struct smr_vendor_card card;
	uint8_t want[16];
	unsigned count;
	const char *text = "Quantity: 1\nTransportKey: 3\nVAR_OUT: IMSI/ICCID/K4IND/EKI/EOPC\n001010000000001 " ICCID_1
			   " 4 8ea2b7ca516745bfeafc49904b496089 8ea2b7ca516745bfeafc49904b496089\n";

	(void)state;
	assert_int_equal(read_all(text, strlen(text), &count, &card), SMR_E_NOTHING);
	assert_int_equal(smr_hex_decode_exact(K, want, 16), SMR_OK);
	assert_memory_equal(card.aka.k, want, 16);
	assert_memory_equal(card.aka.opc, want, 16);
}

static void test_tuak_keys_of_both_lengths(void **state)
{
#define TUAK "Quantity: 1\nTransportKey: 3\nAlgorithm: TUAK\nVAR_OUT: IMSI/ICCID/EKI/TOPC\n001010000000001 " ICCID_1 " "
	(void)state;
	assert_read(TUAK EKI EKI " " OPC OPC "\n", 1);
	assert_read(TUAK EKI " " OPC OPC "\n", 1);
	assert_refused(TUAK EKI " " OPC "\n", SMR_E_MALFORMED, ":5: column OPC: TOPc is 64 hex digits");
}

/* ---- what is refused ---- */

static void test_keys_not_encrypted_are_refused(void **state)
{
	(void)state;
	assert_refused("Quantity: 1\nTransportKey: 0\n" COLUMNS_LINE CARD_1, SMR_E_REFUSED,
		       ":2: transport key index 0 means that keys are not encrypted");
	assert_refused("Quantity: 1\nTransportKey: 3\nVAR_OUT: IMSI/ICCID/K4/EKI/OPC\n001010000000001 " ICCID_1
		       " 0 " EKI " " OPC "\n",
		       SMR_E_REFUSED, ":4: transport key index 0");
	assert_refused("Quantity: 1\nTransportKey: 3\nVAR_OUT: IMSI/ICCID/KI/OPC\n", SMR_E_REFUSED,
		       ":3: column KI holds keys in clear");
}

static void test_transport_key_unknown_or_another_is_refused(void **state)
{
	(void)state;
	assert_refused("Quantity: 1\nTransportKey: 9\n", SMR_E_NOT_FOUND, ":2: no transport key with index 9");
	assert_refused("Quantity: 1\nTransportKey: 3\nTransportKeyCheck: 000000\n" COLUMNS_LINE, SMR_E_REFUSED,
		       "transport key 3 is another one");
	assert_refused("Quantity: 1\nTransportKey: 3\nTransportAlgorithm: 3DES\n", SMR_E_UNSUPPORTED, ":3: ");
	assert_refused("Quantity: 1\nTransportKey: 256\n", SMR_E_MALFORMED, ":2: ");
}

static void test_header_bad_is_refused_with_its_line(void **state)
{
	(void)state;
	assert_refused("", SMR_E_TRUNCATED, "does not end in VAR_OUT");
	assert_refused("Quantity: 2\nTransportKey: 3\n", SMR_E_TRUNCATED, "does not end in VAR_OUT");
	assert_refused("TransportKey: 3\n" COLUMNS_LINE, SMR_E_MALFORMED, "no Quantity");
	assert_refused("Quantity: 2\n" COLUMNS_LINE, SMR_E_MALFORMED, "no TransportKey");
	assert_refused("Quantity: 0\n", SMR_E_MALFORMED, ":1: a quantity");
	assert_refused("Quantity: 2\nQuantity: 3\n", SMR_E_DUPLICATE, ":2: the quantity occurs twice");
	assert_refused("Quantity: 2\nTransportKey: 3\nTransport Key: 4\n", SMR_E_DUPLICATE, ":3: ");
	assert_refused("Algorithm: COMP128\n", SMR_E_UNSUPPORTED, ":1: ");
	assert_refused("what is this\n", SMR_E_MALFORMED, ":1: a line of the header");
	assert_refused("Quantity: 2\nTransportKey: 3\nVAR_OUT: IMSI/ICCID/OPC\n", SMR_E_MALFORMED, ":3: VAR_OUT needs");
	assert_refused("Quantity: 2\nTransportKey: 3\nVAR_OUT: IMSI/ICCID/EKI\n", SMR_E_MALFORMED,
		       "one of OPC and EOPC");
	assert_refused("Quantity: 2\nTransportKey: 3\nVAR_OUT: IMSI/ICCID/EKI/OPC/IMSI\n", SMR_E_MALFORMED, "twice");
}

static void test_count_differs_is_refused(void **state)
{
	(void)state;
	assert_refused(HEADER COLUMNS_LINE CARD_1, SMR_E_TRUNCATED, "1 cards, but the header says 2");
	assert_refused(HEADER COLUMNS_LINE, SMR_E_TRUNCATED, "0 cards");
	assert_refused(HEADER COLUMNS_LINE CARD_1 CARD_2 CARD_2, SMR_E_TOO_MANY, ":15: there are more cards");
}

static void test_card_bad_is_refused_with_its_line(void **state)
{
#define SECOND(imsi, iccid, eki, opc) HEADER COLUMNS_LINE CARD_1 imsi " " iccid " 1234 " eki " " opc "\n"
	(void)state;
	assert_refused(SECOND("001010000000002", "8988211000000000022", EKI, OPC), SMR_E_CHECK_DIGIT,
		       ":14: column ICCID");
	assert_refused(SECOND("001010000000002", "8988", EKI, OPC), SMR_E_MALFORMED, ":14: column ICCID");
	assert_refused(SECOND("00101x000000002", ICCID_2, EKI, OPC), SMR_E_MALFORMED, ":14: column IMSI");
	assert_refused(SECOND("001010000000002", ICCID_2, EKI "00", OPC), SMR_E_MALFORMED, ":14: column EKI");
	assert_refused(SECOND("001010000000002", ICCID_2, "zz", OPC), SMR_E_MALFORMED, ":14: column EKI");
	assert_refused(SECOND("001010000000002", ICCID_2, EKI, "00"), SMR_E_MALFORMED, ":14: column OPC");
	assert_refused(HEADER COLUMNS_LINE "001010000000002 " ICCID_2 " 1234 " EKI "\n", SMR_E_MALFORMED,
		       ":13: 4 columns instead of 5");
	assert_refused(HEADER COLUMNS_LINE "\a\n", SMR_E_MALFORMED, ":13: there is a control character");
	assert_refused(HEADER COLUMNS_LINE "0\r1\n", SMR_E_MALFORMED, ":13: there is a control character");
}

static void test_file_cut_anywhere_is_refused(void **state)
{
	static const char text[] = HEADER COLUMNS_LINE CARD_1 CARD_2;
	struct smr_vendor_card last;
	unsigned count;

	(void)state;
	for (size_t len = 0; len < strlen(text); len++) {
		enum smr_err err = read_all(text, len, &count, &last);

		assert_int_not_equal(err, SMR_E_NOTHING);
		assert_int_not_equal(err, SMR_OK);
		assert_true(strlen(problem.text) > 0);
	}
	assert_read(text, 2);
}

static void test_line_too_long_is_refused(void **state)
{
	char text[SMR_VENDOR_LINE_MAX + 64];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	assert_refused(text, SMR_E_MALFORMED, ":1: the line is too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_card_is_read_and_its_key_decrypted),
		scratch_test(test_forms_that_vendors_vary_are_read),
		scratch_test(test_opc_encrypted_and_a_key_per_card),
		scratch_test(test_tuak_keys_of_both_lengths),
		scratch_test(test_keys_not_encrypted_are_refused),
		scratch_test(test_transport_key_unknown_or_another_is_refused),
		scratch_test(test_header_bad_is_refused_with_its_line),
		scratch_test(test_count_differs_is_refused),
		scratch_test(test_card_bad_is_refused_with_its_line),
		scratch_test(test_file_cut_anywhere_is_refused),
		scratch_test(test_line_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
