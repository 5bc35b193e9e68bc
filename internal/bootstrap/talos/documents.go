package talos

import (
	"github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/types/block"
	"github.com/siderolabs/talos/pkg/machinery/config/types/network"
	"github.com/siderolabs/talos/pkg/machinery/config/types/security"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	blockres "github.com/siderolabs/talos/pkg/machinery/resources/block"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// documents of a node next to the v1alpha1 one. The network is not among them: the
// node takes its address from Proxmox' cloud-init drive, before and after it is
// configured.
func (g generator) documents(node spec.Node) []config.Document {
	documents := []config.Document{hostnameDocument(node.Name)}
	if encryption := g.cluster.Talos.DiskEncryption; encryption != nil {
		documents = append(documents, volumeDocuments(*encryption)...)
	}
	if tailnet := g.cluster.Tailnet; tailnet != nil {
		if tailnet.Headscale != nil && tailnet.Headscale.CA != "" {
			documents = append(documents, trustDocument("headscale", tailnet.Headscale.CA))
		}
		documents = append(documents, tailscaleDocument(tailnet, node.Name))
	}
	return documents
}

func hostnameDocument(name string) config.Document {
	document := network.NewHostnameConfigV1Alpha1()
	// "stable" is the default, and a name of its own needs "off".
	off := nethelpers.AutoHostnameKindOff
	document.ConfigAuto = &off
	document.ConfigHostname = name
	return document
}

// volumeDocuments encrypt the partition that holds the configuration (STATE) and the
// one that holds everything else (EPHEMERAL).
func volumeDocuments(encryption spec.DiskEncryption) []config.Document {
	var documents []config.Document
	for _, volume := range []struct {
		name string
		key  *spec.EncryptionKey
	}{
		{constants.StatePartitionLabel, encryption.State},
		{constants.EphemeralPartitionLabel, encryption.Ephemeral},
	} {
		if volume.key == nil {
			continue
		}
		document := block.NewVolumeConfigV1Alpha1()
		document.MetaName = volume.name
		document.EncryptionSpec = block.EncryptionSpec{
			EncryptionProvider: blockres.EncryptionProviderLUKS2,
			EncryptionKeys:     []block.EncryptionKey{encryptionKey(*volume.key)},
		}
		documents = append(documents, document)
	}
	return documents
}

func encryptionKey(key spec.EncryptionKey) block.EncryptionKey {
	var made block.EncryptionKey
	switch {
	case key.NodeID != nil:
		made.KeyNodeID = &block.EncryptionKeyNodeID{}
	case key.KMS != nil:
		made.KeyKMS = &block.EncryptionKeyKMS{KMSEndpoint: key.KMS.Endpoint}
	}
	return made
}

// trustDocument makes the node trust a certificate authority.
func trustDocument(name, pem string) config.Document {
	document := security.NewTrustedRootsConfigV1Alpha1()
	document.MetaName = name
	document.Certificates = pem
	return document
}
