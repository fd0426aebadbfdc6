"""What the manifests promise. Called by `check`, with the binary and the versions of Kubernetes."""

import copy
import os
import pathlib
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).parent
PORT = 7440
# The user of the image (deploy/Dockerfile).
USER = 65532
# Exit codes of smpcd: no daemon answers, and a bad configuration.
UNREACHABLE, BAD_CONFIGURATION = 5, 78


def read():
    """All manifests by kind and name. kustomization.yaml names each file, and no other."""
    kustomization = yaml.safe_load((HERE / "kustomization.yaml").read_text())
    files = {path.name for path in HERE.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(kustomization["resources"]), f"kustomization.yaml does not list {files}"
    manifests = {}
    for name in sorted(files):
        for manifest in yaml.safe_load_all((HERE / name).read_text()):
            manifests[manifest["kind"], manifest["metadata"]["name"]] = manifest
    return kustomization, manifests


def follows(manifest, version):
    """Whether the schema takes it. `strict`: a field that it does not know is an error."""
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error)
    return None


def fields(value, path=()):
    """The path of each field."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        if isinstance(key, str):
            yield path + (key,)
        yield from fields(inner, path + (key,))


def misspelt(manifest, path):
    """A copy whose field of that path has a letter too many."""
    wrong = copy.deepcopy(manifest)
    inner = wrong
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1] + "x"] = inner.pop(path[-1])
    return wrong


def is_free(path):
    """Whether the schema leaves the name to people: labels, resources, and the entries of a ConfigMap."""
    *parents, name = path
    free = ("labels", "matchLabels", "selector", "requests", "limits")
    return (parents and parents[-1] in free and name != "matchLabels") or parents == ["data"]


def check_schemas(manifests, versions):
    tried = 0
    for (kind, name), manifest in manifests.items():
        for version in versions:
            error = follows(manifest, version)
            assert error is None, f"{kind} {name} is none of Kubernetes {version}: {error}"
        # A check that lets a misspelt field through is none: each field is misspelt once.
        for path in fields(manifest):
            if not is_free(path) and path not in (("kind",), ("apiVersion",)):
                assert follows(misspelt(manifest, path), versions[-1]), f"{kind} {name}: {path} misspelt is let through"
                tried += 1
    print(f"{len(manifests)} manifests follow Kubernetes {' and '.join(versions)}; {tried} misspelt fields are refused")


def check_closed(pod):
    of_pod = pod["securityContext"]
    assert of_pod["runAsNonRoot"] is True and of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert of_pod["runAsUser"] == of_pod["runAsGroup"] == of_pod["fsGroup"] == USER, "keys are given to the daemon's own group"
    assert pod["automountServiceAccountToken"] is False
    for container in pod["initContainers"] + pod["containers"]:
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"] is True and own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        # In a read-only root all that may be written are the claims.
        written = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert written <= {"data", "guard"}, written
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        assert field not in pod


def check_keys(manifests, pod):
    assert not any(kind == "Secret" for kind, _ in manifests), "keys are never committed"
    [node] = [volume for volume in pod["volumes"] if volume["name"] == "node"]
    [keys] = [source["secret"] for source in node["projected"]["sources"] if "secret" in source]
    assert {item["path"] for item in keys["items"]} == {f"keys/{name}.key" for name in ("signing", "storage", "tls")}
    assert all(item["mode"] == 0o400 for item in keys["items"])


def check_places(stateful, pod):
    assert stateful["replicas"] == 1, "two daemons with the same keys sign against each other"
    assert set(stateful["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}
    claims = {claim["metadata"]["name"] for claim in stateful["volumeClaimTemplates"]}
    assert claims == {"data", "guard"}, "the guard lies outside of what is restored with the data"
    volumes = claims | {volume["name"] for volume in pod["volumes"]}
    for container in pod["initContainers"] + pod["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    [daemon] = pod["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert daemon[probe]["exec"]["command"] == ["smpcd", "status"]
    assert [port["containerPort"] for port in daemon["ports"]] == [PORT]
    return {mount["mountPath"] for mount in daemon["volumeMounts"]}


def check_network(policy):
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    ports = lambda rules: {(port["protocol"], port["port"]) for rule in rules for port in rule["ports"]}
    assert ports(policy["ingress"]) == {("TCP", PORT)}, "in: the peers' port alone"
    assert ports(policy["egress"]) == {("TCP", PORT), ("TCP", 53), ("UDP", 53)}, "out: names and peers"
    assert all(rule.get("from") for rule in policy["ingress"]) and all(rule.get("to") for rule in policy["egress"])


def check_names(manifests, stateful):
    """Everything that selects the pod selects it."""
    labels = stateful["template"]["metadata"]["labels"]
    selectors = [stateful["selector"]["matchLabels"], manifests["NetworkPolicy", "smpcd"]["spec"]["podSelector"]["matchLabels"]]
    selectors.append(manifests["PodDisruptionBudget", "smpcd"]["spec"]["selector"]["matchLabels"])
    selectors += [manifest["spec"]["selector"] for (kind, _), manifest in manifests.items() if kind == "Service"]
    assert all(selector == labels for selector in selectors), selectors
    assert manifests["Service", stateful["serviceName"]]["spec"]["clusterIP"] == "None"


def check_settings(smpcd, text, mounts):
    """The node file is one that the daemon takes, and it writes where a claim is mounted."""
    writes = ("cards", "signatures", "data_dir", "guard", "admin")
    for line in text.splitlines():
        key, _, value = line.partition(" = ")
        if key in writes:
            path = pathlib.PurePath(value.split('"')[1])
            assert any(path.is_relative_to(mount) for mount in mounts - {"/etc/smpcd", "/input"}), f"{line}: no claim is there"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMPCD__")}

    def status(text):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "node.toml")
            file.write_text(text)
            ended = subprocess.run([smpcd, "status", "--config", file], env=clean, capture_output=True, text=True)
            return ended.returncode, ended.stderr

    code, error = status(text)
    assert code == UNREACHABLE, f"smpcd does not take the node.toml of the ConfigMap: {code} {error}"
    code, _ = status(text.replace("data_dir", "data_dirx"))
    assert code == BAD_CONFIGURATION, "a misspelt setting is let through"
    print("smpcd takes the node.toml of the ConfigMap")


def main(smpcd, *versions):
    kustomization, manifests = read()
    check_schemas(manifests, versions)
    for (kind, name), manifest in manifests.items():
        assert kind == "Namespace" or manifest["metadata"]["namespace"] == kustomization["namespace"], (kind, name)
    stateful = manifests["StatefulSet", "smpcd"]["spec"]
    pod = stateful["template"]["spec"]
    check_closed(pod)
    check_keys(manifests, pod)
    mounts = check_places(stateful, pod)
    check_network(manifests["NetworkPolicy", "smpcd"]["spec"])
    check_names(manifests, stateful)
    check_settings(smpcd, manifests["ConfigMap", "smpcd-node"]["data"]["node.toml"], mounts)


if __name__ == "__main__":
    main(*sys.argv[1:])
