"""Tenant ids and variable names that rows and checks hand over: what climbs, collides, steers, or cannot be."""

from __future__ import annotations

IDS = (
    # Empty, and names that a file system gives a meaning to.
    *("", ".", "..", "...", "~", "~root", "-rf", "--root", "_a", ".git", ".env.enc", "manifest.toml"),
    # Climbing, absolute, and the same in other spellings.
    *("../scratch-a", "../outside", "../../outside", "scratch-a/..", "a/../scratch-b", "....//", "./scratch-a"),
    *("/", "/etc", "//etc/passwd", "/dev/null", "tenants/scratch-a", "scratch-a/", "scratch-a/.env.enc"),
    *("..\\outside", "\\\\host\\share", "C:\\outside", "%2e%2e%2foutside", "..%2foutside", "%00", "..%c0%af"),
    *("\uff0e\uff0e", "a\uff0fb", "a\u2215b", "a\u2044b", "\u2025"),
    # Ends and separators of other texts.
    *("scratch-a\0", "\0", "scratch-a\n", "a\nb", "a\rb", "a\tb", " scratch-a", "scratch-a ", "scratch-a."),
    *("$HOME", "$(id)", "`id`", "a;b", "a|b", "a*", "{a,b}", "a'b", 'a"b', "a=b", "a:b", "a,b", "a b"),
    # Device names elsewhere, and ids that become a known one when folded, normalised or displayed.
    *("CON", "nul.txt", "Scratch-A", "SCRATCH-A", "\u017fcratch-a", "\u0455cratch-a", "scratch\u2011a"),
    *("scratch-a\u200b", "\u202escratch-a", "\uff53cratch-a", "e\u0301", "\u0661", "\ud800"),
    # Too long for an id, for a file name, for a path.
    *("a" * 64, "a" * 300, "a" * 5000),
)

# From the manuals of who reads them: ld.so(8), dyld(1), python(1), bash(1), zsh(1), git(1), node(1), perlrun(1),
# ruby(1), java(1), openssl-env(7), nsswitch and resolver in environ(7).
STEERING = tuple(
    """
    LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG_OUTPUT DYLD_INSERT_LIBRARIES DYLD_LIBRARY_PATH GCONV_PATH
    GLIBC_TUNABLES MALLOC_CHECK_ LOCPATH HOSTALIASES RES_OPTIONS TMPDIR
    PATH HOME SHELL IFS CDPATH BASH_ENV BASH_FUNC_ls PS4 PROMPT_COMMAND SHELLOPTS BASHOPTS ZDOTDIR
    PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHONINSPECT PYTHONBREAKPOINT PYTHONWARNINGS PIP_INDEX_URL
    PIP_CONFIG_FILE UV_INDEX_URL VIRTUAL_ENV
    NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NPM_CONFIG_REGISTRY PERL5LIB PERL5OPT PERL5DB RUBYLIB RUBYOPT
    JAVA_TOOL_OPTIONS _JAVA_OPTIONS CLASSPATH LUA_INIT PHPRC
    GIT_SSH_COMMAND GIT_EXEC_PATH GIT_CONFIG_COUNT GIT_ASKPASS EDITOR VISUAL PAGER BROWSER LESSOPEN
    SUDO_ASKPASS SSH_ASKPASS OPENSSL_CONF OPENSSL_ENGINES SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE
    CURL_CA_BUNDLE SSLKEYLOGFILE DOCKER_HOST KUBECONFIG
    MASTER_SECRET_KEY SEALPROOF_KEY SEALPROOF_KEY_FILE SEALPROOF_STATE SEALPROOF_MIN_GENERATION SEALPROOF_ROOT
    SEALPROOF_TENANT KEY_DERIVATION_ITERATIONS ENCRYPTION_ALGORITHM ROTATION_INTERVAL_DAYS COMPLIANCE_LEVEL
    AUDIT_RETENTION_DAYS MAX_ACCESS_ATTEMPTS SECURITY_ALERTS_ENABLED VIOLATION_THRESHOLD ALERT_WEBHOOK_URL
    ALERT_LOG_PATH CREDENTIALS_DIRECTORY
    """.split()
)
IMPOSSIBLE = ("", "A=B", "=", "A\0B", "A\nB", "A B", "1A", "A-B", "A;B", "A\u00c4", "A" * 129, "BASH_FUNC_ls%%")
