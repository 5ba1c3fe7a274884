/* SPDX-License-Identifier: Apache-2.0 */
/* One signed object of each kind, and the keys to sign and open them, for the tests of objects and of releases. */
#ifndef TESTS_OBJECT_RIG_H
#define TESTS_OBJECT_RIG_H

#include "core/object.h"
#include "core/release.h"

#define OBJECT_ROOM 512u /* octets: more than any of them takes */

struct object_rig {
	struct smr_privkey own; /* signs every kind, as one careless party might */
	struct smr_pubkey pub;
	struct smr_pubkey other;
	struct smr_certificate certificate;
	struct smr_flight_key flight_key;
	struct smr_order order;
	struct smr_order shipment_order;
	struct smr_command command;
	struct smr_release release;
};

/* Payloads as python3-cbor2 encodes them. The point is not checked for the curve where nobody computes with it. */
#define POINT "0272da71976234ce833a6907425867b82e074d44ef907dfb4b3e21c1c2256ebcd1"
#define EID "89044011112233441122334411223321"
#define ICCID "8949000000000000018f"
#define CERTIFICATE_PAYLOAD "8450" EID "5821" POINT "5821" POINT "48534849504d454e54"
#define FLIGHT_KEY_PAYLOAD "85011ac0ffee015821" POINT "1a6955b9001b0000000200000000"
#define ORDER_PAYLOAD "8319012c5821" POINT "50" EID
#define SHIPMENT_ORDER_PAYLOAD "8319012c5821" POINT "48534849504d454e54"
#define COMMAND_PAYLOAD "85486f70657261746f7250" EID "4a" ICCID "1a0001117002"
#define LOG_DIGEST(octet) \
	octet octet octet octet octet octet octet octet octet octet octet octet octet octet octet octet
#define RELEASE_LOG                                                                                        \
	"84"                                                                                               \
	"83085820" LOG_DIGEST("0101") "666c61756e6368"                                                     \
				      "83085820" LOG_DIGEST("0202") "63747265"                             \
								    "83085820" LOG_DIGEST(                 \
									    "0303") "656167656e74"         \
										    "83095820" LOG_DIGEST( \
											    "0404") "66636f6e666967"
#define RELEASE_KEY "48bc609618bfe80ad8" /* id of the key that signs */
#define RELEASE_LENGTHS "8417181a1a000111701affffffff"
#define RELEASE_REST RELEASE_LOG RELEASE_LENGTHS
#define RELEASE_HEAD "86" RELEASE_KEY "666d326d652d3107"
#define RELEASE_PAYLOAD RELEASE_HEAD "65312e342e32" RELEASE_REST
/* The same without lengths. */
#define PLAIN_RELEASE_HEAD "85" RELEASE_KEY "666d326d652d310765312e342e32"
#define PLAIN_RELEASE_PAYLOAD PLAIN_RELEASE_HEAD RELEASE_LOG

/* Set-up and tear-down of a group: *state is the one rig. The other key is a fresh one. */
int object_set_up(void **state);
int object_tear_down(void **state);

#endif
