"""A function of C that is called for each item (faulty), or once for all of them (fixed): 400,000 numbers of two bytes are
brought into the order of the network, and a checksum is made of them in Python."""
import array
import ctypes
import sys

ITEMS = 400_000
libc = ctypes.CDLL(None)
numbers = array.array("H", (at % 65521 for at in range(ITEMS)))
if sys.argv[1] == "faulty":
    swap = libc.ntohs
    swapped = [swap(number) for number in numbers]
else:
    bytes_out = ctypes.create_string_buffer(2 * ITEMS)
    libc.swab(numbers.tobytes(), bytes_out, 2 * ITEMS)
    swapped = array.array("H", bytes_out.raw)
total = 0
for number in swapped:
    total = (total * 31 + number) & 0xFFFFFFFF
print(f"{total:x}")
