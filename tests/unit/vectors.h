/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file vectors.h
 * Files of published test values (tests/vectors): blocks of `name = octets`, read at run time. Include after cmocka.h.
 *
 * A test states what must hold of a set as a predicate, checks it, and then lets assert_every_octet_matters show that
 * the predicate bites: with any octet of the set altered it no longer holds.
 */
#ifndef SMR_TESTS_UNIT_VECTORS_H
#define SMR_TESTS_UNIT_VECTORS_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/hex.h"

struct vector_field {
	char name[24];
	uint8_t octets[320];
	size_t len;
};

struct vector_set {
	char title[64];
	size_t count;
	struct vector_field fields[24];
};

struct vector_file {
	size_t count;
	struct vector_set sets[256];
};

static inline void add_vector_field(struct vector_set *set, const char *line)
{
	struct vector_field *field = &set->fields[set->count];
	char value[701];

	assert_true(set->count < SMR_COUNT(set->fields));
	set->count++;
	if (sscanf(line, "%23s = \"%127[^\"]\"", field->name, (char *)field->octets) == 2) {
		field->len = strlen((char *)field->octets);
		return;
	}
	if (sscanf(line, "%23s = %700s", field->name, value) != 2)
		fail_msg("not a line of test values: %s", line);
	field->len = hex(value, field->octets, sizeof(field->octets)).len;
}

/** Read a file below the source tree. Fails the test unless every line is understood. */
static inline void load_vectors(struct vector_file *file, const char *below_source)
{
	const char *source = getenv("SAMARA_SOURCE");
	char line[800];
	FILE *in;

	assert_non_null(source);
	assert_true(snprintf(line, sizeof(line), "%s/%s", source, below_source) < (int)sizeof(line));
	in = fopen(line, "r");
	assert_non_null(in);
	memset(file, 0, sizeof(*file));
	while (fgets(line, sizeof(line), in) != NULL) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (line[0] == '[') {
			assert_true(file->count < SMR_COUNT(file->sets));
			assert_int_equal(sscanf(line, "[%63[^]]]", file->sets[file->count++].title), 1);
			continue;
		}
		assert_int_not_equal(file->count, 0);
		add_vector_field(&file->sets[file->count - 1], line);
	}
	assert_int_equal(fclose(in), 0);
}

/** Is the first word of the set's title @p kind? */
static inline bool vector_is(const struct vector_set *set, const char *kind)
{
	size_t len = strlen(kind);

	return strncmp(set->title, kind, len) == 0 && (set->title[len] == ' ' || set->title[len] == '\0');
}

/** Octets of a value, none if the set has none of that name. */
static inline struct smr_bytes value_or_none(const struct vector_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->fields[i].name, name) == 0)
			return smr_bytes_of(set->fields[i].octets, set->fields[i].len);
	}
	return SMR_NONE;
}

/** Octets of a value. Fails the test if the set has none of that name. */
static inline struct smr_bytes value_of(const struct vector_set *set, const char *name)
{
	struct smr_bytes value = value_or_none(set, name);

	if (value.ptr == NULL)
		fail_msg("%s has no %s", set->title, name);
	return value;
}

/** Octets of a value that has @p len of them. */
static inline const uint8_t *octets_of(const struct vector_set *set, const char *name, size_t len)
{
	struct smr_bytes value = value_of(set, name);

	assert_int_equal(value.len, len);
	return value.ptr;
}

/** Is @p got the value @p name? */
static inline bool equals(const struct vector_set *set, const char *name, const void *got, size_t len)
{
	return smr_bytes_equal(value_of(set, name), smr_bytes_of(got, len));
}

/** Show that @p holds bites: it holds of the set, and no longer with any one octet of any value altered. */
static inline void assert_every_octet_matters(const struct vector_set *set, bool (*holds)(const struct vector_set *))
{
	static const uint8_t masks[] = {0x01, 0x80};
	struct vector_set altered = *set;

	assert_true(holds(set));
	for (size_t i = 0; i < set->count; i++) {
		struct vector_field *field = &altered.fields[i];

		for (size_t j = 0; j < SMR_COUNT(masks) * field->len; j++) {
			uint8_t mask = masks[j % SMR_COUNT(masks)];

			field->octets[j / SMR_COUNT(masks)] ^= mask;
			if (holds(&altered))
				fail_msg("%s: %s octet %zu is not compared", set->title, field->name,
					 j / SMR_COUNT(masks));
			field->octets[j / SMR_COUNT(masks)] ^= mask;
		}
	}
}

/** Check every set of a kind that way, and that there are @p count of them. */
static inline void assert_sets_hold(const char *below_source, const char *kind, size_t count,
				    bool (*holds)(const struct vector_set *))
{
	static struct vector_file file;
	size_t seen = 0;

	load_vectors(&file, below_source);
	for (size_t i = 0; i < file.count; i++) {
		if (!vector_is(&file.sets[i], kind))
			continue;
		seen++;
		if (!holds(&file.sets[i]))
			fail_msg("%s does not match", file.sets[i].title);
		assert_every_octet_matters(&file.sets[i], holds);
	}
	assert_int_equal(seen, count);
}

#endif
