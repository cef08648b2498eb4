//go:build e2e

package fakeqemu

import "encoding/binary"

// rom is firmware of 64 KiB that makes a machine's guest of one kind: a few real-mode instructions,
// there from the first cycle on, so that a recording needs no guest and no waiting.
func rom(kind Guest) []byte {
	code := map[Guest][]byte{
		Idle:       nil,
		PowersOff:  cat(powerManagement, powerOff),
		Obeys:      cat(powerManagement, out16(0x602, 0x100), upText, untilPowerButton, powerOff),
		Panics:     out8(0x505, 1), // pvpanic
		ResetsOnce: cat(skipSecondTime, out8(0x64, 0xfe)),
	}[kind]
	image := make([]byte, 64<<10)
	copy(image, cat(code, halt))
	const reset = 0xfff0 // where the CPU begins: a jump to the first byte
	image[reset] = 0xe9
	binary.LittleEndian.PutUint16(image[reset+1:], 0x10000-(reset+3))
	return image
}

var (
	halt = []byte{0xf4, 0xeb, 0xfd} // hlt; jmp to the hlt

	// powerManagement sets the ICH9's PMBASE to 0x600 and switches its ACPI ports on.
	powerManagement = cat(
		out32(0xcf8, 0x8000f840), out32(0xcfc, 0x601),
		out32(0xcf8, 0x8000f844), out32(0xcfc, 0x80),
	)
	powerOff = out16(0x604, 0x2000) // PM1_CNT: SLP_EN, sleep type S5

	// upText is what the guest writes to its serial console once its power button works.
	upText = cat(out8(0x3f8, 'u'), out8(0x3f8, 'p'), out8(0x3f8, '\n'))

	// untilPowerButton waits for PWRBTN_STS in PM1_STS: mov dx,0x600; in ax,dx; test ax,0x100; jz.
	untilPowerButton = []byte{0xba, 0x00, 0x06, 0xed, 0xa9, 0x00, 0x01, 0x74, 0xf7}

	// skipSecondTime halts if CMOS byte 0x40, which outlives a reset, has a mark, and sets the mark.
	// mov al,0x40; out 0x70,al; in al,0x71; cmp al,0x42; jne +3; hlt; jmp hlt; mov al,0x42; out 0x71,al
	skipSecondTime = []byte{
		0xb0, 0x40, 0xe6, 0x70, 0xe4, 0x71, 0x3c, 0x42, 0x75, 0x03, 0xf4, 0xeb, 0xfd,
		0xb0, 0x40, 0xe6, 0x70, 0xb0, 0x42, 0xe6, 0x71,
	}
)

// out32 is mov eax,value; mov dx,port; out dx,eax.
func out32(port uint16, value uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{0x66, 0xb8}, value)
	b = binary.LittleEndian.AppendUint16(append(b, 0xba), port)
	return append(b, 0x66, 0xef)
}

// out16 is mov ax,value; mov dx,port; out dx,ax.
func out16(port, value uint16) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{0xb8}, value)
	b = binary.LittleEndian.AppendUint16(append(b, 0xba), port)
	return append(b, 0xef)
}

// out8 is mov al,value; mov dx,port; out dx,al.
func out8(port uint16, value byte) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{0xb0, value, 0xba}, port)
	return append(b, 0xee)
}

func cat(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
