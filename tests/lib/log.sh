# In Debian's installer: shows its log on the serial line from now on. Who started this waits until nobody has its descriptors.
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- </dev/null >/dev/ttyAMA0 2>&1
tail -f /var/log/syslog &
