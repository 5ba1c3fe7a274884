/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/trelink.h"

#include <errno.h>

#include "sys/log.h"

/* The client closes itself after a failure: fd -1. */
static struct smr_tre_client *connected(void *context, enum smr_err *err)
{
	struct smr_tre_socket *socket = context;

	*err = SMR_OK;
	if (socket->client.fd < 0) {
		*err = smr_tre_connect(&socket->client, socket->path);
		if (*err == SMR_E_IO && (errno == EACCES || errno == EPERM) && !socket->complained) {
			smr_log(SMR_LOG_WARN, "tre.forbidden", "path=%s detail=%s", SMR_QUOTED(socket->path),
				SMR_QUOTED("permission denied: this user has to be in the group of the socket "
					   "([launch] agent-group)"));
			socket->complained = true;
		}
		/* Whatever kept us away may be repaired while we wait. */
		if (*err != SMR_OK)
			*err = SMR_E_UNAVAILABLE;
	}
	return &socket->client;
}

/* One more try on a new connection, for what may be asked twice: the TRE has been started anew meanwhile. */
static enum smr_err get_state(void *context, struct smr_tre_state *out)
{
	enum smr_err err = SMR_OK;

	for (int i = 0; i < 2; i++) {
		struct smr_tre_client *client = connected(context, &err);

		if (err == SMR_OK)
			err = smr_tre_client_state(client, out);
		if (err != SMR_E_UNAVAILABLE)
			break;
	}
	return err;
}

static enum smr_err flight_start(void *context, bool with_certificate, struct smr_space *m1)
{
	enum smr_err err;
	struct smr_tre_client *client = connected(context, &err);

	return err != SMR_OK ? err : smr_tre_client_flight_start(client, with_certificate, m1);
}

static enum smr_err flight_gate(void *context, uint8_t mac[SMR_GATE_MAC_LEN])
{
	enum smr_err err;
	struct smr_tre_client *client = connected(context, &err);

	return err != SMR_OK ? err : smr_tre_client_flight_gate(client, mac);
}

static enum smr_err flight_complete(void *context, struct smr_bytes m2, struct smr_tre_outcome *outcome)
{
	enum smr_err err;
	struct smr_tre_client *client = connected(context, &err);

	return err != SMR_OK ? err : smr_tre_client_flight_complete(client, m2, outcome);
}

static enum smr_err flight_key(void *context, struct smr_bytes encoded)
{
	enum smr_err err;
	struct smr_tre_client *client = connected(context, &err);

	return err != SMR_OK ? err : smr_tre_client_flight_key(client, encoded);
}

static enum smr_err checkin_start(void *context, struct smr_space *c1)
{
	enum smr_err err;
	struct smr_tre_client *client = connected(context, &err);

	return err != SMR_OK ? err : smr_tre_client_checkin_start(client, c1);
}

static enum smr_err checkin_complete(void *context, struct smr_bytes c2, struct smr_tre_outcome *outcome)
{
	enum smr_err err;
	struct smr_tre_client *client = connected(context, &err);

	return err != SMR_OK ? err : smr_tre_client_checkin_complete(client, c2, outcome);
}

struct smr_tre_link smr_tre_link_to(struct smr_tre_socket *socket, const char *path)
{
	socket->path = path;
	socket->client.fd = -1;
	socket->complained = false;
	return (struct smr_tre_link){get_state,	 flight_start,	flight_gate,	  flight_complete,
				     flight_key, checkin_start, checkin_complete, socket};
}
