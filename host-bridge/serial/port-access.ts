/**
 * What keeps a user from opening a serial port, and what to type against it on this system.
 *
 * Linux gives serial devices to a group ("dialout" on Debian, "uucp" on Arch), or, with a udev rule, to who sits at the
 * machine (man udev, "uaccess"). macOS and Windows ask nothing of that kind.
 */
import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';

export interface AccessFacts {
  platform: string;
  user: string;
  /** Groups of this process. */
  groups: number[];
  /** Of the device. */
  gid: number;
  mode: number;
  /** Text of /etc/group. */
  groupFile: string;
}

const RULES = '/etc/udev/rules.d/70-tapcash.rules';

/** What to do, in one sentence. */
export function accessAdvice(facts: AccessFacts): string {
  const { platform, user, groups, gid, mode, groupFile } = facts;
  if (platform !== 'linux') return `${user} has no access: see its permissions with ls -l`;
  const entry = groupFile
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => Number(fields[2]) === gid);
  const group = entry?.[0];
  if (!group || gid === 0 || (mode & 0o060) !== 0o060) {
    return `no group may use it: echo 'SUBSYSTEM=="tty", ENV{ID_BUS}=="usb", TAG+="uaccess"' | sudo tee ${RULES}; sudo udevadm control --reload; then plug it in again`;
  }
  const isMember = (entry[3] ?? '').split(',').includes(user);
  if (isMember && !groups.includes(gid))
    return `${user} is in group ${group} since this login began: log out and in again`;
  return `it belongs to group ${group}: sudo usermod -aG ${group} ${user}, then log out and in again`;
}

/** The same for a device of this machine; empty where nothing is known. */
export function adviceFor(path: string): string {
  try {
    const { gid, mode } = statSync(path);
    const groupFile = process.platform === 'linux' ? readFileSync('/etc/group', 'utf8') : '';
    return accessAdvice({
      platform: process.platform,
      user: userInfo().username,
      groups: process.getgroups?.() ?? [],
      gid,
      mode,
      groupFile,
    });
  } catch {
    return '';
  }
}
