#!/bin/sh
# Makes an authority and a certificate for each name, for installations without an issuer of their own (docs/deployment.md).
#   make-certificates.sh DIRECTORY NAME[,SAN...][@UID:GID]...
# Each NAME gets DIRECTORY/NAME/tls.crt, tls.key and ca.crt; SANs are host names, or IP:address. Safe to run again: a
# certificate is made anew when fewer than ACGS_CERTIFICATE_RENEW_DAYS (30) of its ACGS_CERTIFICATE_DAYS (90) are left.
# UID:GID, or ACGS_CERTIFICATE_OWNER where none is given, gets the name's files; the authority's key stays with who runs this.
set -eu
umask 077
[ "$#" -ge 2 ] || { echo 'usage: make-certificates.sh DIRECTORY NAME[,SAN...][@UID:GID]...' >&2; exit 2; }
directory=$1; shift
days=${ACGS_CERTIFICATE_DAYS:-90}
renew=${ACGS_CERTIFICATE_RENEW_DAYS:-30}
mkdir -p "$directory"
chmod 755 "$directory"
work=$(mktemp -d "$directory/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

authority="$directory/authority"
if [ ! -s "$authority/ca.crt" ]; then
  mkdir -p "$authority"
  new_key "$authority/ca.key"
  openssl req -x509 -new -key "$authority/ca.key" -sha256 -days 3650 -subj '/O=ACGS/CN=ACGS installation authority' \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$work/ca.crt"
  mv "$work/ca.crt" "$authority/ca.crt"
fi

for argument in "$@"; do
  entry=${argument%%@*}
  owner=${ACGS_CERTIFICATE_OWNER:-}
  case $argument in *@*) owner=${argument#*@} ;; esac
  name=${entry%%,*}
  case $name in ''|*[!a-z0-9.-]*|authority) echo "make-certificates.sh: \"$name\" is not a name" >&2; exit 2 ;; esac
  folder="$directory/$name"
  if [ -s "$folder/tls.crt" ] && openssl x509 -in "$folder/tls.crt" -noout -checkend $((renew * 86400)) >/dev/null 2>&1; then continue; fi
  sans=''
  for san in $(printf '%s' "$entry" | tr ',' ' '); do
    case $san in IP:*) ;; *) san="DNS:$san" ;; esac
    sans="${sans:+$sans,}$san"
  done
  mkdir -p "$folder"
  new_key "$work/tls.key"
  openssl req -new -key "$work/tls.key" -subj "/O=ACGS/CN=$name" -out "$work/tls.csr"
  printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' "$sans" > "$work/tls.ext"
  openssl x509 -req -in "$work/tls.csr" -CA "$authority/ca.crt" -CAkey "$authority/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
    -sha256 -days "$days" -extfile "$work/tls.ext" -out "$work/tls.crt" 2>/dev/null
  cp "$authority/ca.crt" "$work/ca.crt"
  chmod 644 "$work/tls.crt" "$work/ca.crt"
  # The key first: a reader that meets it beside the old certificate keeps what it has and looks again.
  for file in tls.key tls.crt ca.crt; do mv "$work/$file" "$folder/$file"; done
  if [ -n "$owner" ]; then chown -R "$owner" "$folder"; fi
  echo "made $name"
done
