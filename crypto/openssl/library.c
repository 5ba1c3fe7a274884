/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <pthread.h>

#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>

#include "crypto/openssl/local.h"

static struct smr_ossl shared;
static bool shared_is_complete;
static pthread_once_t shared_once = PTHREAD_ONCE_INIT;

static bool make_curve(void)
{
	shared.p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	shared.p = BN_new();
	shared.a = BN_new();
	shared.b = BN_new();
	shared.root = BN_new();
	shared.field = BN_MONT_CTX_new();
	return shared.p256 != NULL && shared.p != NULL && shared.a != NULL && shared.b != NULL && shared.root != NULL &&
	       shared.field != NULL && EC_GROUP_get_curve(shared.p256, shared.p, shared.a, shared.b, NULL) == 1 &&
	       BN_copy(shared.root, shared.p) != NULL && BN_add_word(shared.root, 1) == 1 &&
	       BN_rshift(shared.root, shared.root, 2) == 1;
}

static bool make_field(void)
{
	SMR_SCOPED(smr_ossl_free_numbers) BN_CTX *numbers = BN_CTX_new();

	return numbers != NULL && BN_MONT_CTX_set(shared.field, shared.p, numbers) == 1;
}

/* Never released: the threads that use them may outlive any moment that we could choose, and the process's end
 * releases them anyway. */
static void fill_shared(void)
{
	bool has_curve = make_curve() && make_field();

	shared.ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	shared.ecb256 = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
	shared_is_complete = has_curve && smr_ossl_gcm_find(&shared.gcm) && shared.ecb != NULL && shared.ecb256 != NULL;
}

const struct smr_ossl *smr_ossl_get(void)
{
	if (pthread_once(&shared_once, fill_shared) != 0 || !shared_is_complete)
		return NULL;
	return &shared;
}

enum smr_err smr_ossl_fail(enum smr_err err)
{
	unsigned long queued;

	while ((queued = ERR_get_error()) != 0) {
		if (ERR_GET_REASON(queued) == ERR_R_MALLOC_FAILURE)
			err = SMR_E_CRYPTO;
	}
	return err;
}

static enum smr_err draw(uint8_t *out, size_t len)
{
	if (RAND_bytes(out, (int)len) == 1)
		return SMR_OK;
	smr_wipe(out, len);
	return smr_ossl_fail(SMR_E_CRYPTO);
}

/* Most of what is asked for are nonces of 12 octets, and a draw costs 1.4 µs before its first octet. */
static enum smr_err draw_from_stock(struct smr_ossl_room *room, uint8_t *out, size_t len)
{
	uint8_t *taken;

	if (room->stock_left < len || room->stock_forks != smr_ossl_forks()) {
		SMR_TRY(draw(room->stock, sizeof(room->stock)));
		room->stock_left = sizeof(room->stock);
		room->stock_forks = smr_ossl_forks();
	}
	room->stock_left -= len;
	taken = room->stock + room->stock_left;
	memcpy(out, taken, len);
	smr_wipe(taken, len); /* given out once, and nobody finds out later what */
	return SMR_OK;
}

enum smr_err smr_random(uint8_t *out, size_t len)
{
	const struct smr_ossl *lib = smr_ossl_get();
	struct smr_ossl_room *room = lib != NULL ? smr_ossl_room(lib) : NULL;

	if (len > INT_MAX)
		return SMR_E_INVALID;
	if (len == 0)
		return SMR_OK;
	if (len > SMR_OSSL_FROM_STOCK_MAX)
		return draw(out, len);
	return room != NULL ? draw_from_stock(room, out, len) : smr_ossl_fail(SMR_E_CRYPTO);
}
