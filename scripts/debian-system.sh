# Functions to make a Debian system in a folder, and to run commands in it. For scripts that source
# this, on Debian and Ubuntu, as root or with sudo. shellcheck shell=bash

fail() {
    printf '%s\n' "$@" | sed "s|^|$0: |" >&2
    exit 1
}

announce() {
    printf '\n== %s\n' "$*"
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Prints those of the packages $2 and so on that the dpkg database $1 has not as installed.
missing_packages() {
    local database=$1 package installed
    shift
    # It fails where it does not know one of them, which is no error here.
    installed=$(dpkg-query --admindir="$database" -W \
        -f='${Package} ${db:Status-Status}\n${Package}:${Architecture} ${db:Status-Status}\n' \
        "$@" 2>/dev/null) || true
    for package; do
        grep -qxF "$package installed" <<<"$installed" || echo "$package"
    done
}

# Installs what is needed to make systems.
set_up_debootstrap() {
    local missing
    command -v apt-get >/dev/null || fail "there is no apt-get: this runs on Debian and Ubuntu only"
    # debootstrap does not read apt's configuration.
    eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
    mapfile -t missing < <(missing_packages /var/lib/dpkg debootstrap debian-archive-keyring)
    if [[ ${#missing[@]} -gt 0 ]]; then
        announce "Installing ${missing[*]}"
        as_root apt-get -qq update
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
    fi
}

# Makes a system of suite $1 in folder $2, unless it is there. What goes on is logged beside it.
make_system() {
    local suite=$1 system=$2 mirror
    [[ ! -d $system ]] || return 0
    # Ubuntu's apt knows no mirror of Debian, but its debootstrap does.
    # shellcheck disable=SC2016 # expanded by apt-get
    mirror=$(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n '/^http/{p;q}')
    announce "Making a Debian system of $suite in $system"
    as_root rm -rf --one-file-system "$system.part"
    as_root env http_proxy="${http_proxy-}" https_proxy="${https_proxy-}" unshare --mount \
        debootstrap --variant=minbase "$suite" "$system.part" ${mirror:+"$mirror"} \
        >"$system.log" || fail "debootstrap failed: see $system.log"
    as_root mv "$system.part" "$system"
}

# Installs the packages $2 and so on in system $1, unless they are there.
install_in_system() {
    local system=$1 missing
    shift
    mapfile -t missing < <(missing_packages "$system/var/lib/dpkg" "$@")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    announce "Installing ${missing[*]} in it"
    # A mirror may be a copy of some earlier day.
    in_system "$system" "" apt-get -qq -o Acquire::Check-Valid-Until=false update
    # To a log, because programs of other architectures fail there, in vain.
    in_system "$system" "" \
        apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "${missing[@]}" \
        >>"$system.log" 2>&1 || fail "apt-get failed: see $system.log"
    in_system "$system" "" apt-get clean
}

# Runs a command in system $1, with the folders $2, each as OUTSIDE:INSIDE[:ro] and separated by
# spaces, bound to its own. What is mounted for it is seen by nothing else, and gone with its last
# process, however that ends.
in_system() {
    local system=$1 folders=$2
    shift 2
    # shellcheck disable=SC2016 # expanded by the inner shell
    as_root unshare --mount sh -euc '
        system=$1
        mount -t proc proc "$system/proc"
        for folder in $2; do
            IFS=: read -r outside inside mode <<END
$folder
END
            mkdir -p "$system$inside"
            mount --bind -o "${mode:-rw}" "$outside" "$system$inside"
        done
        shift 2
        exec chroot "$system" env --ignore-environment "$@"
    ' sh "$system" "$folders" \
        PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        http_proxy="${http_proxy-}" https_proxy="${https_proxy-}" "$@"
}
