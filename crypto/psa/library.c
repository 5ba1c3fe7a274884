/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/psa/local.h"

#if __STDC_HOSTED__
#include <pthread.h>

static pthread_mutex_t inside = PTHREAD_MUTEX_INITIALIZER;

static bool lock(void)
{
	return pthread_mutex_lock(&inside) == 0;
}

static void unlock(void)
{
	(void)pthread_mutex_unlock(&inside); /* of a mutex that this thread holds: cannot fail */
}
#else
/* Bare metal: one thread, or a PSA service that serves one caller at a time. */
static bool lock(void)
{
	return true;
}

static void unlock(void)
{
}
#endif

bool smr_psa_enter(void)
{
	if (!lock())
		return false;
	if (psa_crypto_init() == PSA_SUCCESS) /* cheap after the first time */
		return true;
	unlock();
	return false;
}

void smr_psa_leave(void)
{
	unlock();
}

psa_status_t smr_psa_import(psa_key_type_t type, psa_key_usage_t usage, psa_algorithm_t alg, struct smr_bytes octets,
			    psa_key_id_t *id)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;

	psa_set_key_type(&attributes, type);
	psa_set_key_usage_flags(&attributes, usage);
	psa_set_key_algorithm(&attributes, alg);
	*id = 0;
	return psa_import_key(&attributes, octets.ptr, octets.len, id);
}

/* No key outlives a call here (local.h). */
void smr_batch_begin(void)
{
}

void smr_batch_end(void)
{
}

enum smr_err smr_random(uint8_t *out, size_t len)
{
	psa_status_t status;

	if (len > INT32_MAX)
		return SMR_E_INVALID;
	if (len == 0)
		return SMR_OK;
	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	status = psa_generate_random(out, len);
	smr_psa_leave();
	if (status == PSA_SUCCESS)
		return SMR_OK;
	smr_wipe(out, len);
	return SMR_E_CRYPTO;
}
