# In Debian's installer: tells on the serial line what it sees of the machine.
{
    echo "seen: cpus $(grep -c ^processor /proc/cpuinfo)"
    echo "seen: disk $(grep -w vda /proc/partitions)"
    echo "seen: address $(ip -4 -o addr show scope global)"
    echo "seen: dhcp $(grep -ih -e DHCPACK -e 'lease of' /var/log/syslog | tail -n 1)"
} >/dev/ttyAMA0
