/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file local.h
 * What the files of the OpenSSL adapter share. Nothing outside crypto/openssl includes this.
 */
#ifndef SMR_CRYPTO_OPENSSL_LOCAL_H
#define SMR_CRYPTO_OPENSSL_LOCAL_H

#include <stdatomic.h>

#include <openssl/bn.h>
#include <openssl/core_dispatch.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "crypto/crypto.h"

/** The provider's AES-128-GCM, as provider-cipher(7) gives it. A context is made by newctx(provider). */
struct smr_ossl_gcm {
	EVP_CIPHER *fetched; /* never released, and with it its provider is kept */
	void *provider;
	OSSL_FUNC_cipher_newctx_fn *newctx;
	OSSL_FUNC_cipher_freectx_fn *freectx;
	OSSL_FUNC_cipher_encrypt_init_fn *seal_init;
	OSSL_FUNC_cipher_decrypt_init_fn *open_init;
	OSSL_FUNC_cipher_update_fn *update;
	OSSL_FUNC_cipher_final_fn *final;
	OSSL_FUNC_cipher_get_ctx_params_fn *get;
	OSSL_FUNC_cipher_set_ctx_params_fn *set;
};

/** Find them. @return whether all are there. */
bool smr_ossl_gcm_find(struct smr_ossl_gcm *gcm);
/** Overwrite the key schedule in @p ctx, and all that depends on it, with that of the key of zeros. */
bool smr_ossl_gcm_clear(const struct smr_ossl_gcm *gcm, void *ctx);

/**
 * Objects of the library that are looked up by name once per process. A look-up costs about as much as a whole
 * check-in, so no function of the adapter makes one. All are read-only afterwards and shared by the threads.
 */
struct smr_ossl {
	EC_GROUP *p256;
	BIGNUM *p, *a, *b;  /* of the curve's equation */
	BIGNUM *root;	    /* (p + 1) / 4 */
	BN_MONT_CTX *field; /* arithmetic modulo p */
	struct smr_ossl_gcm gcm;
	EVP_CIPHER *ecb;
	EVP_CIPHER *ecb256;
};

/**
 * What `impl` of a key points to. DH works on the point and the scalar as they are; that spares each single-use
 * key of a flight the EVP_PKEY, whose making and unmaking costs 5 to 9 µs. Signing goes through EVP.
 */
struct smr_ossl_key {
	EC_POINT *point;
	BIGNUM *scalar; /* NULL in a public key */
	/* Initialised for signing by the first use, then only duplicated: safe for threads. */
	_Atomic(EVP_PKEY_CTX *) ecdsa;
};

#define SMR_OSSL_STOCK_LEN 4096u
#define SMR_OSSL_FROM_STOCK_MAX 32u

/**
 * What a thread keeps between its calls, because making it costs more than some of the calls themselves. No key and
 * nothing that was given out stays in it. The stock is what will be given out next: whoever can read it could as well
 * read the generator's state, from which it was drawn.
 */
struct smr_ossl_room {
	const struct smr_ossl *lib;
	void *gcm;	  /* context of AES-128-GCM, with the key of zeros; smr_ossl_room_forget after use */
	BN_CTX *numbers;  /* for public values alone: what it lends is not erased when it is given back */
	EC_KEY *verifier; /* takes one public key after the other */
	uint8_t stock[SMR_OSSL_STOCK_LEN]; /* random octets; what was given out is erased */
	size_t stock_left;		   /* at its beginning */
	unsigned stock_forks;		   /* smr_ossl_forks when it was drawn */
};

/** The calling thread's; made by its first call, released at its end. NULL: out of memory. */
struct smr_ossl_room *smr_ossl_room(const struct smr_ossl *lib);
/** Erase the key schedule in gcm, at once or, within a batch, at its end. Setting the key of zeros overwrites all that
 * depends on the key before. */
void smr_ossl_room_forget(struct smr_ossl_room *room);
/** How often this process was made by fork from one that had a room: parent and child must not give out the same stock. */
unsigned smr_ossl_forks(void);

/** The shared objects; NULL if the library could not provide them. Thread-safe. */
const struct smr_ossl *smr_ossl_get(void);

/**
 * Drop what the library queued about a failure and pass @p err on: the queue belongs to the thread, and another
 * user of the library in this process would take our entries for its own.
 *
 * @return @p err, or SMR_E_CRYPTO where the queue speaks of a lack of memory: a sound signature or point must not be
 *         called bad because we ran short.
 */
enum smr_err smr_ossl_fail(enum smr_err err);

/** Release @p key and what it holds, erasing the secret. NULL is allowed. */
void smr_ossl_key_free(struct smr_ossl_key *key);

/* Scoped clean-up: SMR_SCOPED(free_point) EC_POINT *p = NULL; */
#define SMR_SCOPED(function) __attribute__((cleanup(function)))

static inline void smr_ossl_free_point(EC_POINT **point)
{
	EC_POINT_clear_free(*point);
}

static inline void smr_ossl_free_number(BIGNUM **number)
{
	BN_clear_free(*number);
}

static inline void smr_ossl_free_numbers(BN_CTX **numbers)
{
	BN_CTX_free(*numbers);
}

static inline void smr_ossl_free_pkey_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

#endif
