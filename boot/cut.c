/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/cut.h"

#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* System V ABI, chapter 4: both headers begin alike, and the rest is as wide as the class says. */
union header {
	unsigned char ident[EI_NIDENT];
	Elf32_Ehdr narrow;
	Elf64_Ehdr wide;
};

static bool ends_before(uint64_t size, uint64_t table, uint64_t entries, uint64_t entry_len)
{
	return table > size || size - table < entries * entry_len;
}

bool smr_boot_is_cut(int fd)
{
	union header h = {0};
	struct stat st;
	ssize_t got = pread(fd, &h, sizeof(h), 0);
	uint64_t size;

	if (got < 0 || fstat(fd, &st) != 0)
		return false; /* uncovered: of memory that was just read */
	size = (uint64_t)st.st_size;
	if (size == 0)
		return true;
	if (size < EI_NIDENT || memcmp(h.ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (h.ident[EI_CLASS] == ELFCLASS32)
		return size < sizeof(h.narrow) ||
		       ends_before(size, h.narrow.e_shoff, h.narrow.e_shnum, h.narrow.e_shentsize);
	return size < sizeof(h.wide) || ends_before(size, h.wide.e_shoff, h.wide.e_shnum, h.wide.e_shentsize);
}
